// Two points on a calibrated tracing: how many ms apart, how many per minute, how many mV.

const SVG = "http://www.w3.org/2000/svg";

export class Calipers {
  constructor(figure, stage, image) {
    const { pxPerMm, mmPerS, mmPerMv, width } = figure.dataset;
    this.msPerPx = 1000 / (Number(pxPerMm) * Number(mmPerS));
    this.mvPerPx = 1 / (Number(pxPerMm) * Number(mmPerMv));
    this.width = Number(width);
    this.stage = stage;
    this.image = image;
    this.output = figure.querySelector("[data-ecg-measure]");
    this.on = false;
    this.drawing = false;
    this.from = null;
    this.to = null;
  }

  toggle() {
    this.on = !this.on;
    this.stage.toggleAttribute("data-measuring", this.on);
    if (!this.on) this.from = this.to = null;
    else if (this.stage.matches(":focus-visible")) this.placeInTheMiddle();
    this.draw();
    return this.on;
  }

  /** A span of 200 ms in the middle of what is seen, for those who measure with the arrows. */
  placeInTheMiddle() {
    const scale = this.width / this.image.clientWidth;
    const x = (this.stage.scrollLeft + this.stage.clientWidth / 2) * scale;
    const y = (this.stage.scrollTop + this.stage.clientHeight / 2) * scale;
    this.from = { x, y };
    this.to = { x: x + 200 / this.msPerPx, y };
  }

  /** Arrows move the second point, with Shift both; answers whether the key was one of its own. */
  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return false;
    if (!this.from) this.placeInTheMiddle();
    event.preventDefault();
    const move = (point) => ({ x: point.x + step[0] * (10 / this.msPerPx), y: point.y + step[1] * (0.05 / this.mvPerPx) });
    if (event.shiftKey) this.from = move(this.from);
    this.to = move(this.to);
    this.draw();
    return true;
  }

  at(event) {
    const box = this.image.getBoundingClientRect();
    const scale = this.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  down(event) {
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    this.drawing = true;
    this.from = this.to = this.at(event);
    this.draw();
  }

  move(event) {
    if (!this.drawing) return;
    this.to = this.at(event);
    this.draw();
  }

  up() {
    this.drawing = false;
  }

  draw() {
    this.layer?.remove();
    this.output.textContent = "";
    if (!this.from) return;
    const height = (this.image.naturalHeight * this.width) / (this.image.naturalWidth || this.width);
    this.layer = document.createElementNS(SVG, "svg");
    this.layer.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.layer.append(this.rectangle());
    this.image.parentElement.append(this.layer);
    this.output.textContent = this.words();
  }

  rectangle() {
    const box = document.createElementNS(SVG, "rect");
    const values = {
      class: "caliper",
      x: Math.min(this.from.x, this.to.x),
      y: Math.min(this.from.y, this.to.y),
      width: Math.abs(this.to.x - this.from.x),
      height: Math.max(1, Math.abs(this.to.y - this.from.y)),
    };
    for (const [name, value] of Object.entries(values)) box.setAttribute(name, value);
    return box;
  }

  words() {
    const ms = Math.abs(this.to.x - this.from.x) * this.msPerPx;
    const mv = (this.from.y - this.to.y) * this.mvPerPx;
    const number = (value, digits) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });
    const perMinute = ms >= 150 ? ` · ${number(60000 / ms, 0)}/min` : "";
    return `${number(ms, 0)} ms${perMinute} · ${number(mv, 2)} mV`;
  }
}
