// Time left by the server's clock, and answers saved while they are typed.
import { Autosave } from "./autosave.js";
import { whisper } from "./say.js";

const awake = new WeakSet();

class Timer {
  constructor(block) {
    this.block = block;
    this.value = block.querySelector("[data-timer-value]");
    const { deadline, now } = block.dataset;
    this.end = performance.now() + (Date.parse(deadline) - Date.parse(now));
    this.toSay = [...block.querySelectorAll("template[data-say]")].filter((one) => this.left() > Number(one.dataset.say));
    this.value.hidden = false;
    this.tick();
  }

  left() {
    return Math.max(0, Math.ceil((this.end - performance.now()) / 1000));
  }

  tick() {
    if (!this.block.isConnected) return;
    const left = this.left();
    const hours = Math.floor(left / 3600);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = hours ? `${hours}:${two(Math.floor((left % 3600) / 60))}` : String(Math.floor(left / 60));
    this.value.textContent = `${minutes}:${two(left % 60)}`;
    this.block.dataset.state = left <= 60 ? "last" : left <= 300 ? "soon" : "calm";
    for (const one of this.toSay.filter((template) => left <= Number(template.dataset.say))) this.say(one);
    if (left > 0) setTimeout(() => this.tick(), 250);
    else this.over();
  }

  say(template) {
    this.toSay = this.toSay.filter((one) => one !== template);
    whisper(template.content.textContent.trim());
  }

  /** The server hands in at the deadline whatever happens here; this saves the last words, then shows its answer. */
  async over() {
    await Promise.all([...document.querySelectorAll("form[data-autosave]")].map((form) => form.autosave?.flush()));
    if (this.block.dataset.after) location.assign(this.block.dataset.after);
  }
}

export function wakeQuiz() {
  for (const block of document.querySelectorAll("[data-timer]")) {
    if (awake.has(block)) continue;
    awake.add(block);
    new Timer(block);
  }
  for (const form of document.querySelectorAll("form[data-autosave]")) {
    if (!form.autosave) form.autosave = new Autosave(form);
  }
}
