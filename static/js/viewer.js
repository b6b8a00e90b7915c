// A tracing one can enlarge, move and measure: pointer, wheel (with Ctrl, or once the tracing has the focus), keys, pinch.
import { Calipers } from "./calipers.js";

const SMALLEST = 0.25;
const LARGEST = 8;
const awake = new WeakSet();

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.stage = figure.querySelector("[data-ecg-stage]");
    this.image = figure.querySelector("img");
    this.zoom = 1;
    this.fitted = 0;
    this.pointers = new Map();
    this.calipers = figure.dataset.pxPerMm ? new Calipers(figure, this.stage, this.image) : null;
    this.stage.dataset.ready = "";
    figure.querySelector("[data-ecg-tools]").hidden = false;
    figure.querySelector('[data-ecg-do="full"]').hidden = !document.fullscreenEnabled;
    this.listen();
    new ResizeObserver(() => this.sayScale()).observe(this.image);
  }

  listen() {
    this.figure.addEventListener("click", (event) => this.press(event.target.closest("[data-ecg-do]")?.dataset.ecgDo));
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("dblclick", (event) => this.zoomTo(this.zoom > 1.5 ? 1 : this.zoom * 2, event));
    this.stage.addEventListener("pointerdown", (event) => this.down(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, (event) => this.up(event));
  }

  press(action) {
    if (action === "in") this.zoomTo(this.zoom * 1.25);
    else if (action === "out") this.zoomTo(this.zoom / 1.25);
    else if (action === "fit") this.zoomTo(this.zoom === 1 ? this.wholeWidth() : 1);
    else if (action === "full") this.full();
    else if (action === "measure") this.measure();
  }

  /** 1, but on a phone, where a tracing is shown wider than its place and the whole of it is the second thing one asks for. */
  wholeWidth() {
    return Math.min(1, this.stage.clientWidth / this.image.clientWidth);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.figure.requestFullscreen?.();
  }

  measure() {
    const button = this.figure.querySelector('[data-ecg-do="measure"]');
    button.setAttribute("aria-pressed", String(this.calipers.toggle()));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.calipers?.on && this.calipers.key(event)) return;
    const action = { "+": "in", "=": "in", "-": "out", "−": "out", 0: "fit", f: "full", m: "measure" }[event.key];
    if (!action || (action === "measure" && !this.calipers)) return;
    event.preventDefault();
    event.stopPropagation();
    this.press(action);
  }

  wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.stage) return;
    event.preventDefault();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 400), event);
  }

  /** Enlarges around a point of the screen (the middle when none is given), keeping that point where it is. */
  zoomTo(wanted, point) {
    const before = this.image.getBoundingClientRect();
    const box = this.stage.getBoundingClientRect();
    if (this.zoom === 1) this.fitted = before.width;
    const zoom = Math.min(LARGEST, Math.max(SMALLEST, wanted));
    const x = point ? point.clientX : box.left + box.width / 2;
    const y = point ? point.clientY : box.top + box.height / 2;
    const across = (x - before.left) / before.width;
    const along = (y - before.top) / before.height;
    this.zoom = Math.abs(zoom - 1) < 0.02 ? 1 : zoom;
    this.image.toggleAttribute("data-zoomed", this.zoom !== 1);
    this.stage.style.blockSize = this.zoom <= 1 ? "" : this.stage.style.blockSize || `${box.height}px`;
    this.image.style.inlineSize = this.zoom === 1 ? "" : `${this.fitted * this.zoom}px`;
    const after = this.image.getBoundingClientRect();
    this.stage.scrollLeft += after.left + across * after.width - x;
    this.stage.scrollTop += after.top + along * after.height - y;
    this.sayScale();
  }

  sayScale() {
    this.figure.querySelector("[data-ecg-zoom]").textContent = `${Math.round(this.zoom * 100)}\u00a0%`;
    const scale = this.figure.querySelector("[data-ecg-scale]");
    if (!scale) return;
    const millimetre = (Number(this.figure.dataset.pxPerMm) * this.image.clientWidth) / Number(this.figure.dataset.width);
    scale.textContent = ` · 1 mm = ${millimetre.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} px`;
    this.calipers?.draw();
  }

  down(event) {
    if (event.button !== 0) return;
    if (this.calipers?.on) return this.calipers.down(event);
    this.pointers.set(event.pointerId, event);
    if (event.pointerType === "mouse") {
      this.stage.setPointerCapture(event.pointerId);
      this.stage.dataset.moving = "";
      event.preventDefault();
      this.stage.focus({ preventScroll: true, focusVisible: false });
    }
    return undefined;
  }

  move(event) {
    if (this.calipers?.on) return this.calipers.move(event);
    const last = this.pointers.get(event.pointerId);
    if (!last) return undefined;
    if (this.pointers.size === 2) this.pinch(last, event);
    else if (event.pointerType === "mouse") {
      this.stage.scrollLeft -= event.clientX - last.clientX;
      this.stage.scrollTop -= event.clientY - last.clientY;
    }
    this.pointers.set(event.pointerId, event);
    return undefined;
  }

  pinch(last, event) {
    const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    const distance = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.zoomTo((this.zoom * distance(event)) / Math.max(1, distance(last)), middle);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    delete this.stage.dataset.moving;
    this.calipers?.up();
  }
}

export function wakeViewers() {
  for (const figure of document.querySelectorAll("[data-ecg]")) {
    if (awake.has(figure)) continue;
    awake.add(figure);
    new Viewer(figure);
  }
}
