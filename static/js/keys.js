// One-letter shortcuts of the page ([data-key]), the list of them on « ? », and arrows in lists of results.

const SWITCH = "chevet:shortcuts";
const TYPING = "input:not([type=radio]):not([type=checkbox]):not([type=submit]), textarea, select, [contenteditable]";
let listening = false;

const enabled = () => localStorage.getItem(SWITCH) !== "off";

function press(key) {
  const target = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key && !one.disabled);
  if (!target) return false;
  if (!target.matches("input:not([type=submit]), textarea, select")) target.click();
  else {
    target.focus();
    if (target.matches("textarea")) target.setSelectionRange(target.value.length, target.value.length);
  }
  return true;
}

function listShortcuts() {
  const list = document.querySelector("[data-shortcuts]");
  for (const old of list.querySelectorAll("[data-listed]")) old.remove();
  for (const target of document.querySelectorAll("[data-key]")) {
    const term = document.createElement("dt");
    term.append(Object.assign(document.createElement("kbd"), { textContent: target.dataset.key.replace("Mod", "Ctrl") }));
    const words = target.dataset.keyLabel ?? target.getAttribute("aria-label") ?? target.textContent.trim();
    const about = Object.assign(document.createElement("dd"), { textContent: words });
    for (const part of [term, about]) part.dataset.listed = "";
    list.append(term, about);
  }
}

function openList() {
  const dialog = document.getElementById("shortcuts");
  if (dialog && !dialog.open) dialog.showModal();
}

function onKey(event) {
  if (event.defaultPrevented || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (press(`Mod+${event.key}`)) event.preventDefault();
    return;
  }
  if (arrows(event)) return;
  if (event.target.matches(TYPING) || document.querySelector("dialog[open]") || !enabled()) return;
  if (event.key === "?") openList();
  else if (!press(event.key)) return;
  event.preventDefault();
}

/** Down from a search field goes into its results; up and down move among them; Escape returns. */
function arrows(event) {
  const picker = event.target.closest?.("[data-picker]");
  if (!picker || !["ArrowDown", "ArrowUp", "Escape"].includes(event.key)) return false;
  const field = picker.querySelector("input[type=search]");
  const results = [...picker.querySelectorAll("[data-picker-results] button")];
  if (!results.length) return false;
  const here = results.indexOf(document.activeElement);
  const there = event.key === "Escape" ? -1 : here + (event.key === "ArrowDown" ? 1 : -1);
  (results[Math.min(there, results.length - 1)] ?? field).focus();
  event.preventDefault();
  return true;
}

export function wakeKeys() {
  if (listening) return;
  listening = true;
  document.addEventListener("keydown", onKey);
  const dialog = document.getElementById("shortcuts");
  dialog?.addEventListener("beforetoggle", (event) => event.newState === "open" && listShortcuts());
  const box = document.querySelector("[data-shortcuts-on]");
  if (!box) return;
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
}
