// Wakes the parts a page uses, at first and after every htmx swap. Everything here adds to pages that work without it.
import { wakeBoxes } from "./boxes.js";
import { wakeBuilder } from "./builder.js";
import { wakeEditors } from "./editor.js";
import { wakeKeys } from "./keys.js";
import { wakePaper } from "./paper.js";
import { wakeQuiz } from "./quiz.js";
import { wakeStrips } from "./strip.js";
import { wakeViewers } from "./viewer.js";
import { sayTemplate } from "./say.js";

function wake() {
  wakeViewers();
  wakePaper();
  wakeBuilder();
  wakeEditors();

  wakeBoxes();
  wakeStrips();
  wakeQuiz();
  wakeKeys();
  for (const one of document.querySelectorAll("[data-opens][hidden], [data-print][hidden]")) one.hidden = false;
  for (const one of document.querySelectorAll("[data-shows]")) showValue(one);
}

function showValue(output) {
  output.hidden = false;
  output.textContent = `${document.getElementById(output.dataset.shows).value}\u00a0${output.dataset.unit}`;
}

document.addEventListener("input", (event) => {
  for (const one of document.querySelectorAll(`[data-shows="${event.target.id}"]`)) showValue(one);
});

function focusWhereTheEyeGoes() {
  const target = document.querySelector("main [data-focus]");
  if (!target) return;
  if (!target.matches("a, button, input, select, textarea, [tabindex]")) target.tabIndex = -1;
  target.removeAttribute("data-focus");
  target.focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (event.target.closest("[data-print]")) print();
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target) || opener) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("htmx:after:swap", () => {
  wake();
  focusWhereTheEyeGoes();
});
document.addEventListener("htmx:error", (event) => {
  // A stream that breaks comes back by itself.
  if (!event.target.closest?.("[hx-sse\\:connect]")) sayTemplate("said-offline");
});
document.addEventListener("htmx:response:error", (event) => {
  const { status } = event.detail.ctx.response;
  if (status >= 500) sayTemplate(status === 503 ? "said-busy" : "said-broken");
});

wake();
focusWhereTheEyeGoes();
