// Boxes drawn on a page: each is a line of four numbers of the form, which says the same without a script.
const SVG = "http://www.w3.org/2000/svg";
const SIDES = ["left", "top", "width", "height"];
const STEP = 0.5;
const LEAST = 0.4;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

const rounded = (value) => Math.round(Math.min(Math.max(value, 0), 100) * 10) / 10;

class Boxes {
  constructor(sheet) {
    this.sheet = sheet;
    sheet.dataset.ready = "";
    this.form = sheet.closest("form");
    this.word = this.form.querySelector("[data-boxes-say]").innerHTML;
    this.lines = [...this.form.querySelectorAll("[data-box]")].map((row) => this.line(row));
    for (const help of this.form.querySelectorAll("[data-boxes-help]")) help.hidden = false;
    for (const group of sheet.querySelectorAll("[data-found]")) this.follow(group);
    sheet.addEventListener("pointerdown", (event) => this.begin(event));
    sheet.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) sheet.addEventListener(name, () => this.end());
    this.draw();
  }

  line(row) {
    const inputs = SIDES.map((side) => row.querySelector(`[data-side=${side}]`));
    const rect = document.createElementNS(SVG, "rect");
    const line = { inputs, rect };
    rect.classList.add("held-drawn");
    rect.setAttribute("tabindex", "0");
    rect.setAttribute("role", "img");
    rect.setAttribute("aria-label", this.word.replace("{number}", row.dataset.box));
    rect.addEventListener("keydown", (event) => this.key(event, line));
    for (const input of inputs) input.addEventListener("input", () => this.draw());
    return line;
  }

  /** A text called harmless is shown as it will be. */
  follow(group) {
    const show = () => {
      const chosen = this.form.querySelector(`input[name=text_${group.dataset.found}]:checked`);
      group.toggleAttribute("data-harmless", chosen?.value === "harmless");
    };
    for (const radio of this.form.querySelectorAll(`input[name=text_${group.dataset.found}]`)) {
      radio.addEventListener("change", show);
    }
    show();
  }

  values(line) {
    return line.inputs.map((input) => Number.parseFloat(input.value));
  }

  set(line, values) {
    for (const [index, input] of line.inputs.entries()) input.value = rounded(values[index]);
    this.draw();
  }

  draw() {
    const { width, height } = this.sheet.viewBox.baseVal;
    for (const line of this.lines) {
      const values = this.values(line);
      if (values.some(Number.isNaN)) {
        line.rect.remove();
        continue;
      }
      const scaled = values.map((value, index) => (value * (index % 2 ? height : width)) / 100);
      for (const [index, name] of ["x", "y", "width", "height"].entries()) line.rect.setAttribute(name, scaled[index]);
      if (!line.rect.isConnected) this.sheet.append(line.rect);
    }
  }

  key(event, line) {
    const [across, down] = ARROWS[event.key] ?? [];
    if (event.key === "Delete" || event.key === "Backspace") {
      for (const input of line.inputs) input.value = "";
      event.preventDefault();
      return this.draw();
    }
    if (across === undefined) return undefined;
    event.preventDefault();
    const [left, top, width, height] = this.values(line);
    if (event.shiftKey) return this.set(line, [left, top, Math.max(width + across, LEAST), Math.max(height + down, LEAST)]);
    return this.set(line, [left + across, top + down, width, height]);
  }

  at(event) {
    const box = this.sheet.getBoundingClientRect();
    return [(100 * (event.clientX - box.left)) / box.width, (100 * (event.clientY - box.top)) / box.height];
  }

  begin(event) {
    const free = this.lines.find((line) => line.inputs.every((input) => input.value === ""));
    if (event.button !== 0 || !free) return;
    event.preventDefault();
    this.sheet.setPointerCapture(event.pointerId);
    this.drawing = { line: free, from: this.at(event) };
  }

  drag(event) {
    if (!this.drawing) return;
    const { line, from } = this.drawing;
    const to = this.at(event);
    const near = from.map((value, index) => Math.min(value, to[index]));
    const far = from.map((value, index) => Math.max(value, to[index]));
    this.set(line, [...near, far[0] - near[0], far[1] - near[1]]);
  }

  end() {
    const line = this.drawing?.line;
    this.drawing = undefined;
    if (!line) return;
    const [, , width, height] = this.values(line);
    if (width >= LEAST && height >= LEAST) return;
    for (const input of line.inputs) input.value = "";
    this.draw();
  }
}

export function wakeBoxes() {
  for (const sheet of document.querySelectorAll("[data-boxes]:not([data-ready])")) new Boxes(sheet);
}
