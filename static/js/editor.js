// A picture that is cropped, turned, straightened and masked before one's eyes: the same steps as the server's, in the same form.

const awake = new WeakSet();
const SIDES = ["left", "top", "right", "bottom"];
const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };
const LEAST = 1;
const within = (value, low, high) => Math.min(high, Math.max(low, value));
const tidy = (value) => String(Math.round(value * 100) / 100);

function paper(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

function turned(source, degrees) {
  const angle = (degrees * Math.PI) / 180;
  const [across, down] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  const made = paper(source.width * across + source.height * down, source.width * down + source.height * across);
  const pen = made.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, made.width, made.height);
  pen.translate(made.width / 2, made.height / 2);
  pen.rotate(angle);
  pen.drawImage(source, -source.width / 2, -source.height / 2);
  return made;
}

function cropped(source, [left, top, right, bottom]) {
  const made = paper(((right - left) * source.width) / 100, ((bottom - top) * source.height) / 100);
  made.getContext("2d").drawImage(source, -Math.round((left * source.width) / 100), -Math.round((top * source.height) / 100));
  return made;
}

function masked(source, [left, top, right, bottom]) {
  const made = paper(source.width, source.height);
  const pen = made.getContext("2d");
  pen.drawImage(source, 0, 0);
  const [x, y] = [Math.floor((left * source.width) / 100), Math.floor((top * source.height) / 100)];
  pen.fillRect(x, y, Math.ceil((right * source.width) / 100) - x, Math.ceil((bottom * source.height) / 100) - y);
  return made;
}

/** What a step, written as in the form, makes of a picture. */
function after(source, step) {
  const [kind, ...given] = step.split(",");
  const numbers = given.map(Number);
  if (kind === "crop") return cropped(source, numbers);
  if (kind === "mask") return masked(source, numbers);
  return turned(source, kind === "rotate" ? 90 * numbers[0] : numbers[0]);
}

class PictureEditor {
  constructor(form) {
    this.form = form;
    this.stage = form.querySelector("[data-editor-stage]");
    this.picture = form.querySelector("[data-editor-picture]");
    this.slider = form.querySelector("[data-editor-slider]");
    this.degrees = form.elements.namedItem("degrees");
    this.list = form.querySelector("[data-editor-steps]");
    this.source = new Image();
    this.source.addEventListener("load", () => this.begin(), { once: true });
    this.source.src = form.dataset.source;
  }

  begin() {
    this.stage.append(this.form.querySelector("[data-editor-overlay]").content.cloneNode(true));
    this.frame = this.stage.querySelector("[data-editor-frame]");
    this.stage.dataset.ready = "";
    this.slider.hidden = false;
    this.form.querySelector("[data-editor-help]").hidden = false;
    this.canvas = this.picture;
    this.slider.value = this.degrees.value;
    this.slider.addEventListener("input", () => this.turn(this.slider.value));
    this.degrees.addEventListener("input", () => this.turn(this.degrees.value));
    this.form.addEventListener("click", (event) => this.press(event));
    for (const side of SIDES) this.field(side).addEventListener("input", () => this.place());
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("pointerdown", (event) => this.down(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, () => this.up());
    this.changed();
  }

  field(side) {
    return this.form.elements.namedItem(side);
  }

  steps() {
    return [...this.list.querySelectorAll("input")].map((input) => input.value);
  }

  angle() {
    return within(Number(this.degrees.value) || 0, -15, 15);
  }

  /** Draws the picture anew after its steps have changed. */
  changed() {
    let made = paper(this.source.naturalWidth, this.source.naturalHeight);
    made.getContext("2d").drawImage(this.source, 0, 0);
    for (const step of this.steps()) made = after(made, step);
    this.done = made;
    const none = !this.steps().length;
    this.form.querySelector("[data-editor-none]").hidden = !none;
    this.form.querySelector("[data-editor-back]").hidden = none;
    this.draw();
  }

  draw() {
    const shown = this.angle() ? turned(this.done, this.angle()) : after(this.done, "crop,0,0,100,100");
    shown.setAttribute("role", "img");
    shown.setAttribute("aria-label", this.picture.alt);
    this.canvas.replaceWith(shown);
    this.canvas = shown;
    this.stage.toggleAttribute("data-turning", this.angle() !== 0);
    this.place();
  }

  turn(value) {
    if (this.slider.value !== value) this.slider.value = value;
    if (this.degrees.value !== value) this.degrees.value = value;
    this.draw();
  }

  press(event) {
    const [asked, way] = event.target.closest("button[name=do]")?.value.split(":") ?? [];
    if (!asked || asked === "save" || asked === "propose") return;
    event.preventDefault();
    if (asked === "undo" && this.angle() === 0) this.list.lastElementChild?.remove();
    else if (asked === "original") this.list.replaceChildren();
    else if (asked !== "undo") this.take(asked, way);
    this.degrees.value = this.slider.value = "0";
    this.changed();
  }

  /** Adds the angle that is set, then what was pressed. */
  take(asked, way) {
    if (this.angle()) this.add(`straighten,${this.angle()}`);
    if (asked === "rotate") this.add(`rotate,${way === "left" ? 3 : 1}`);
    if (asked !== "crop" && asked !== "mask") return;
    const sides = this.sides();
    this.add([asked, ...SIDES.map((side) => tidy(sides[side]))].join(","));
    if (asked === "crop") this.set({ left: 5, top: 5, right: 95, bottom: 95 });
  }

  add(step) {
    const [kind, argument] = step.split(",");
    const said = this.form.querySelector(`[data-editor-said="${kind === "rotate" ? `rotate:${argument}` : kind}"]`);
    const line = document.createElement("li");
    const number = Number(argument).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
    line.append(said.content.textContent.replace("{}", number));
    line.prepend(Object.assign(document.createElement("input"), { type: "hidden", name: "step", value: step }));
    this.list.append(line);
  }

  /** The frame in per cent, as its fields have it; a side that is no number is where it was last. */
  sides() {
    const read = {};
    for (const side of SIDES) {
      const typed = this.field(side).value.replace(",", ".");
      read[side] = typed === "" || Number.isNaN(Number(typed)) ? this.last[side] : within(Number(typed), 0, 100);
    }
    for (const [near, far] of [["left", "right"], ["top", "bottom"]]) {
      if (read[near] > read[far]) [read[near], read[far]] = [read[far], read[near]];
      if (read[far] - read[near] < LEAST) read[far] = Math.min(100, (read[near] = Math.min(read[near], 100 - LEAST)) + LEAST);
    }
    return read;
  }

  set(sides) {
    for (const side of SIDES) this.field(side).value = tidy(sides[side]);
    this.place();
  }

  place() {
    const sides = this.sides();
    this.last = sides;
    this.frame.style.left = `${sides.left}%`;
    this.frame.style.top = `${sides.top}%`;
    this.frame.style.width = `${sides.right - sides.left}%`;
    this.frame.style.height = `${sides.bottom - sides.top}%`;
    for (const side of SIDES) {
      const handle = this.frame.querySelector(`[data-editor-handle="${side}"]`);
      handle.setAttribute("aria-valuenow", tidy(sides[side]));
      handle.setAttribute("aria-valuetext", `${tidy(sides[side])}\u00a0%`);
    }
  }

  /** Sides moved by per cents, kept within the picture and apart from one another. */
  shifted(from, handles, across, down) {
    const sides = { ...from };
    if (handles.length === 4) {
      const [x, y] = [within(across, -from.left, 100 - from.right), within(down, -from.top, 100 - from.bottom)];
      return { left: from.left + x, right: from.right + x, top: from.top + y, bottom: from.bottom + y };
    }
    for (const side of handles) {
      const wanted = from[side] + (side === "left" || side === "right" ? across : down);
      const first = side === "left" || side === "top";
      const other = sides[OPPOSITE[side]];
      sides[side] = first ? within(wanted, 0, other - LEAST) : within(wanted, other + LEAST, 100);
    }
    return sides;
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const by = event.shiftKey ? 5 : 1;
    const handle = event.target.dataset.editorHandle;
    this.set(this.shifted(this.sides(), handle ? [handle] : SIDES, by * way[0], by * way[1]));
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: within((100 * (event.clientX - box.left)) / box.width, 0, 100),
      y: within((100 * (event.clientY - box.top)) / box.height, 0, 100),
    };
  }

  down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const start = this.at(event);
    const handle = event.target.dataset.editorHandle;
    if (handle) this.drag = { start, from: this.sides(), handles: handle.split(" ") };
    else if (event.target.closest("[data-editor-frame]")) this.drag = { start, from: this.sides(), handles: SIDES };
    else this.drag = { start };
    event.target.closest("[tabindex]")?.focus({ preventScroll: true, focusVisible: false });
  }

  move(event) {
    if (!this.drag) return;
    const { start, from, handles } = this.drag;
    const now = this.at(event);
    if (handles) this.set(this.shifted(from, handles, now.x - start.x, now.y - start.y));
    else if (Math.hypot(now.x - start.x, now.y - start.y) > LEAST) {
      this.set({
        left: Math.min(start.x, now.x),
        right: Math.max(start.x, now.x),
        top: Math.min(start.y, now.y),
        bottom: Math.max(start.y, now.y),
      });
    }
  }

  up() {
    this.drag = null;
  }
}

export function wakeEditors() {
  for (const form of document.querySelectorAll("[data-picture-editor]")) {
    if (awake.has(form)) continue;
    awake.add(form);
    new PictureEditor(form);
  }
}
