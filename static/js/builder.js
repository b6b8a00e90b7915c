// Files dropped onto a file input, their previews and their way to the server in per cent; lists ordered by dragging;
// forms that are not left by mistake.
import { sayTemplate } from "./say.js";

const awake = new WeakSet();

const fresh = (selector) => [...document.querySelectorAll(selector)].filter((one) => !awake.has(one) && awake.add(one));

class DropZone {
  constructor(zone) {
    this.zone = zone;
    this.input = zone.querySelector("input[type=file]");
    this.list = zone.querySelector("[data-dropzone-list]");
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => this.over(event));
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => delete zone.dataset.over);
    zone.addEventListener("drop", (event) => this.drop(event));
    this.input.addEventListener("change", () => this.chosen());
  }

  over(event) {
    event.preventDefault();
    this.zone.dataset.over = "";
  }

  drop(event) {
    event.preventDefault();
    const kept = new DataTransfer();
    const dropped = [...event.dataTransfer.files];
    const files = this.input.multiple ? [...this.input.files, ...dropped] : dropped.slice(0, 1);
    for (const file of files) kept.items.add(file);
    this.input.files = kept.files;
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  chosen() {
    const files = [...this.input.files];
    const limit = Number(this.zone.dataset.maxBytes ?? Infinity);
    const tooLarge = files.find((file) => file.size > limit);
    this.input.setCustomValidity(tooLarge ? `${tooLarge.name} – ${this.zone.dataset.tooLarge}` : "");
    this.preview(files);
    if (tooLarge) this.input.reportValidity();
    else if (files.length && "sendAtOnce" in this.zone.dataset) this.input.form.requestSubmit();
  }

  preview(files) {
    for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.list.replaceChildren(...files.map((file) => this.line(file)));
  }

  line(file) {
    const line = document.createElement("li");
    if (file.type.startsWith("image/")) {
      line.append(Object.assign(document.createElement("img"), { src: URL.createObjectURL(file), alt: "" }));
    }
    line.append(Object.assign(document.createElement("span"), { textContent: file.name }));
    return line;
  }
}

/** Sends a form with its files, says how far it is, then shows what the server answered. */
class Upload {
  constructor(form) {
    this.form = form;
    const progress = "[data-upload-progress]";
    this.progress = form.querySelector(progress) ?? document.querySelector(progress);
    form.addEventListener("submit", (event) => this.send(event));
  }

  send(event) {
    if (this.busy) return event.preventDefault();
    const body = new FormData(this.form, event.submitter);
    if (![...body.values()].some((value) => value instanceof File && value.size)) return undefined;
    event.preventDefault();
    this.busy = true;
    const request = new XMLHttpRequest();
    request.open("POST", this.form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", (sent) => this.show(sent));
    request.addEventListener("load", () => this.arrived(request));
    request.addEventListener("error", () => this.failed());
    request.send(body);
    this.progress.hidden = false;
    return undefined;
  }

  show(sent) {
    const percent = Math.floor((100 * sent.loaded) / sent.total);
    this.progress.querySelector("progress").value = percent;
    this.progress.querySelector("[data-upload-percent]").textContent = `${percent}\u00a0%`;
  }

  /** Nobody has what was sent: the form is guarded again (see `guard`). */
  failed() {
    this.busy = false;
    if ("guard" in this.form.dataset) this.form.dataset.guard = "typed";
    this.progress.hidden = true;
    sayTemplate("said-offline");
  }

  arrived(request) {
    if (request.status < 400) return location.assign(request.responseURL);
    const answered = request.response?.querySelector("main");
    if (!answered) return this.failed();
    this.busy = false;
    document.querySelector("main").replaceWith(document.adoptNode(answered));
    globalThis.htmx?.process(document.querySelector("main"));
    document.dispatchEvent(new CustomEvent("htmx:after:swap"));
    return undefined;
  }
}

class Ordered {
  constructor(list) {
    this.list = list;
    list.dataset.ready = "";
    for (const item of this.items()) item.draggable = true;
    list.addEventListener("dragstart", (event) => this.start(event));
    list.addEventListener("dragover", (event) => this.over(event));
    list.addEventListener("drop", (event) => this.drop(event));
    list.addEventListener("dragend", () => this.clear());
  }

  items() {
    return [...this.list.querySelectorAll(":scope > [data-order-item]")];
  }

  start(event) {
    this.moving = event.target.closest("[data-order-item]");
    this.moving.dataset.dragging = "";
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", this.moving.dataset.orderItem);
  }

  over(event) {
    const item = event.target.closest("[data-order-item]");
    if (!this.moving || !item) return;
    event.preventDefault();
    for (const other of this.items()) delete other.dataset.drop;
    const box = item.getBoundingClientRect();
    item.dataset.drop = event.clientY < box.top + box.height / 2 ? "before" : "after";
  }

  drop(event) {
    event.preventDefault();
    const item = this.items().find((one) => one.dataset.drop);
    if (!this.moving || !item || item === this.moving) return;
    const others = this.items().filter((one) => one !== this.moving);
    const position = others.indexOf(item) + (item.dataset.drop === "after" ? 1 : 0);
    this.submit(`${this.moving.dataset.orderItem}:${position}`);
  }

  /** As if a button named "move" had been pressed: the server knows one way of moving. */
  submit(value) {
    const form = this.list.closest("form") ?? this.list.querySelector("button[name=move]").form;
    const button = Object.assign(document.createElement("button"), { name: "move", value, hidden: true });
    form.append(button);
    form.requestSubmit(button);
    button.remove();
  }

  clear() {
    for (const item of this.items()) {
      delete item.dataset.drop;
      delete item.dataset.dragging;
    }
    this.moving = null;
  }
}

let guarding = false;

/** The browser asks before a page is left with something typed in a [data-guard] form that was not sent. */
function guard() {
  if (guarding) return;
  guarding = true;
  const mark = (typed) => (event) => {
    const form = event.target.form ?? event.target;
    if ("guard" in (form.dataset ?? {})) form.dataset.guard = typed;
  };
  document.addEventListener("input", mark("typed"));
  document.addEventListener("submit", mark(""));
  addEventListener("beforeunload", (event) => {
    if (document.querySelector('form[data-guard="typed"]')) event.preventDefault();
  });
}

export function wakeBuilder() {
  guard();
  for (const zone of fresh("[data-dropzone]")) new DropZone(zone);
  for (const form of fresh("form[data-upload]")) new Upload(form);
  for (const list of fresh("[data-order]")) new Ordered(list);
}
