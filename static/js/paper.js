// Points that a digitised trace goes through: set, moved and removed on the picture, kept in the form's own fields.
const awake = new WeakSet();
const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LARGE_STEP = 10;

class PaperPoints {
  constructor(overlay) {
    this.overlay = overlay;
    this.form = document.getElementById(overlay.dataset.form);
    this.list = this.form.querySelector("[data-paper-points]");
    this.handles = new Map();
    for (const drawn of overlay.querySelectorAll(".paper-point")) drawn.remove();
    for (const line of this.list.querySelectorAll("[data-paper-point]")) this.bind(line);
    for (const button of this.form.querySelectorAll("[data-paper-add]")) {
      button.hidden = false;
      button.addEventListener("click", () => this.addOn(overlay.querySelector(`[data-stretch="${button.dataset.paperAdd}"]`)));
    }
    overlay.dataset.ready = "";
    overlay.addEventListener("pointerdown", (event) => this.down(event));
    overlay.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) overlay.addEventListener(end, () => (this.dragged = null));
    this.form.addEventListener("input", () => this.changed());
  }

  bind(line) {
    const [x, y] = this.fields(line);
    line.addEventListener("input", () => this.show(line));
    const remove = line.querySelector("[data-paper-remove]");
    remove.hidden = false;
    remove.addEventListener("click", () => this.remove(line));
    if (x.value && y.value) this.show(line);
  }

  fields(line) {
    return ["point_x", "point_y", "point_row"].map((name) => line.querySelector(`[name="${name}"]`));
  }

  /** Draws the handle of a line where its fields say. */
  show(line) {
    const [x, y, row] = this.fields(line);
    const place = [x, y].map((field) => Number(field.value.replace(",", ".")));
    const there = x.value.trim() && y.value.trim() && place.every(Number.isFinite);
    if (!there) return this.hide(line);
    const handle = this.handles.get(line) ?? this.handle(line);
    handle.setAttribute("cx", place[0]);
    handle.setAttribute("cy", place[1]);
    const said = this.overlay.dataset.name.replace("{row}", Number(row.value) + 1);
    handle.setAttribute("aria-label", said.replace("{x}", Math.round(place[0])).replace("{y}", Math.round(place[1])));
    return handle;
  }

  handle(line) {
    const handle = document.createElementNS(SVG, "circle");
    for (const [name, value] of Object.entries({ class: "paper-point", r: this.overlay.dataset.radius, tabindex: 0, role: "button" })) {
      handle.setAttribute(name, value);
    }
    handle.addEventListener("keydown", (event) => this.key(event, line));
    this.handles.set(line, handle);
    this.overlay.append(handle);
    return handle;
  }

  hide(line) {
    this.handles.get(line)?.remove();
    this.handles.delete(line);
  }

  /** Writes a place into a line's fields. */
  put(line, x, y) {
    const box = this.overlay.viewBox.baseVal;
    const [across, down] = this.fields(line);
    across.value = Math.min(Math.max(x, 0), box.width).toFixed(1);
    down.value = Math.min(Math.max(y, 0), box.height).toFixed(1);
    this.changed();
    return this.show(line);
  }

  add(row, x, y) {
    let line = [...this.list.querySelectorAll("[data-paper-point]")].find((one) => !this.handles.has(one));
    if (!line) {
      const template = this.list.querySelector("[data-paper-template]");
      line = template.content.cloneNode(true).querySelector("[data-paper-point]");
      template.before(line);
      this.bind(line);
    }
    this.fields(line)[2].value = row;
    this.put(line, x, y);
    return line;
  }

  addOn(stretch) {
    const path = stretch.querySelector(".paper-line");
    const middle = path.getPointAtLength(path.getTotalLength() / 2);
    const line = this.add(stretch.dataset.row, middle.x, middle.y);
    this.handles.get(line).focus();
  }

  remove(line) {
    for (const field of this.fields(line).slice(0, 2)) field.value = "";
    this.hide(line);
    this.changed();
  }

  key(event, line) {
    const step = STEPS[event.key];
    if (event.key === "Delete" || event.key === "Backspace") {
      this.remove(line);
      this.overlay.closest("[data-ecg-stage]").focus();
    } else if (step) {
      const size = event.shiftKey ? LARGE_STEP : 1;
      const handle = this.handles.get(line);
      const [x, y] = ["cx", "cy"].map((name) => Number(handle.getAttribute(name)));
      this.put(line, x + step[0] * size, y + step[1] * size);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  place(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.overlay.getScreenCTM().inverse());
  }

  down(event) {
    const held = [...this.handles].find(([, handle]) => handle === event.target);
    const stretch = event.target.closest(".paper-trace");
    if (event.button !== 0 || !(held || stretch)) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.place(event);
    this.dragged = held ? held[0] : this.add(stretch.dataset.row, at.x, at.y);
    this.overlay.setPointerCapture(event.pointerId);
    this.handles.get(this.dragged).focus({ preventScroll: true });
  }

  move(event) {
    if (!this.dragged) return;
    event.stopPropagation();
    const at = this.place(event);
    this.put(this.dragged, at.x, at.y);
  }

  /** What is kept must be what is seen. */
  changed() {
    const keep = document.querySelector(".paper-keep");
    if (!keep) return;
    keep.querySelector("[data-paper-changed]").hidden = false;
    keep.querySelector("button").disabled = true;
  }
}

export function wakePaper() {
  for (const overlay of document.querySelectorAll("[data-paper]")) {
    if (awake.has(overlay)) continue;
    awake.add(overlay);
    new PaperPoints(overlay);
  }
}
