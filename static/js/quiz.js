// Time left by the server's clock, and answers saved while they are typed.
import { Autosave } from "./autosave.js";
import { sayTemplate, whisper } from "./say.js";

const LAST_CALL_S = 3;
const awake = new WeakSet();

const savers = () => [...document.querySelectorAll("form[data-autosave]")].map((form) => form.autosave).filter(Boolean);

const flushAll = () => Promise.all(savers().map((saver) => saver.flush()));

/** Handing in waits for the last words to be acknowledged; what cannot be saved stops it. */
async function flushFirst(event) {
  const { target: form, submitter } = event;
  if (!form.matches("form[data-flush]") || !savers().some((saver) => saver.pending())) return;
  event.preventDefault();
  await flushAll();
  if (!savers().some((saver) => saver.pending())) form.requestSubmit(submitter);
  else if (!savers().some((saver) => saver.refused)) sayTemplate(savers().some((saver) => saver.busy()) ? "said-busy" : "said-offline");
}

class Timer {
  constructor(block) {
    this.block = block;
    this.value = block.querySelector("[data-timer-value]");
    const { deadline, now } = block.dataset;
    const span = Date.parse(deadline) - Date.parse(now);
    this.ends = { steady: performance.now() + span, wall: Date.now() + span };
    this.toSay = [...block.querySelectorAll("template[data-say]")].filter((one) => this.left() > Number(one.dataset.say));
    this.value.hidden = false;
    this.tick();
  }

  /** By the steady clock, which nobody sets; or by the other, since the steady one stands still while a phone is locked. */
  left() {
    const ms = Math.min(this.ends.steady - performance.now(), this.ends.wall - Date.now());
    return Math.max(0, Math.ceil(ms / 1000));
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
    if (left <= LAST_CALL_S && !this.called) this.lastCall();
    if (left > 0) setTimeout(() => this.tick(), 250);
    else this.over();
  }

  /** What is saved at zero comes too late: what was typed until now goes while there is time. */
  lastCall() {
    this.called = true;
    flushAll();
  }

  say(template) {
    this.toSay = this.toSay.filter((one) => one !== template);
    whisper(template.content.textContent.trim());
  }

  /** The server hands in at the deadline whatever happens here; this saves the last words, then shows its answer, once
      there is a connection to fetch it. */
  async over() {
    await flushAll();
    if (!navigator.onLine) await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
    if (this.block.dataset.after) location.assign(this.block.dataset.after);
  }
}

/** A link leaves when the last words are acknowledged, or after two seconds: they stay in this tab's store then. */
async function saveFirst(event) {
  const link = event.target.closest?.("a[href]");
  const elsewhere = event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || link?.target;
  if (!link || elsewhere || link.hash || !savers().some((saver) => saver.pending() && !saver.refused)) return;
  event.preventDefault();
  await Promise.race([flushAll(), new Promise((resolve) => setTimeout(resolve, 2000))]);
  location.assign(link.href);
}

/** Among a hundred cases, the current one in the middle of its line. */
function showCurrent(cases) {
  const current = cases.querySelector("[aria-current]");
  if (!current || awake.has(cases)) return;
  awake.add(cases);
  cases.scrollLeft = current.offsetLeft - (cases.clientWidth - current.offsetWidth) / 2;
}

let listening = false;

export function wakeQuiz() {
  for (const cases of document.querySelectorAll(".quiz-cases")) showCurrent(cases);
  if (!listening) {
    document.addEventListener("submit", flushFirst);
    document.addEventListener("click", saveFirst);
  }
  listening = true;
  for (const block of document.querySelectorAll("[data-timer]")) {
    if (awake.has(block)) continue;
    awake.add(block);
    new Timer(block);
  }
  for (const form of document.querySelectorAll("form[data-autosave]")) {
    if (!form.autosave) form.autosave = new Autosave(form);
  }
}
