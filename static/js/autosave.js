// A form that saves itself. What is typed lies in sessionStorage until the server has acknowledged it.
import { say, unsay } from "./say.js";

const PAUSE_MS = 800;
const LONGEST_MS = 5000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 15000;
const BUSY_TRIES = 4;
const SKIPPED = new Set(["csrf_token", "revision"]);

/** What another device saved since, and what was typed here: neither is lost, the student decides. */
const both = (theirs, ours) => (theirs.includes(ours) ? theirs : ours.includes(theirs) ? ours : `${theirs}\n\n${ours}`);

export class Autosave {
  constructor(form) {
    this.form = form;
    this.url = form.dataset.autosave || form.action;
    this.key = `chevet:draft:${this.url}`;
    this.state = form.querySelector("[data-save-state]") ?? document.querySelector("[data-save-state]");
    this.retry = FIRST_RETRY_MS;
    this.typed = 0;
    this.acknowledged = 0;
    for (const name of ["input", "change"]) form.addEventListener(name, (event) => this.changed(event));
    form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("online", () => this.pending() && this.save());
    addEventListener("pagehide", () => this.pending() && this.lastWords());
    this.restore();
  }

  pending() {
    return this.typed > this.acknowledged;
  }

  /** What is sent: everything but the search for a concept. */
  body() {
    const body = new URLSearchParams(new FormData(this.form));
    for (const field of this.form.querySelectorAll("[data-picker] [name]")) body.delete(field.name);
    return body;
  }

  entries() {
    return [...this.body()].filter(([name]) => !SKIPPED.has(name));
  }

  changed(event) {
    if (event.target.closest("[data-picker]")) return;
    this.typed += 1;
    this.firstChange ??= Date.now();
    this.keep();
    this.show("waiting");
    this.plan(Math.min(PAUSE_MS, Math.max(0, this.firstChange + LONGEST_MS - Date.now())));
  }

  keep(submitted = false) {
    sessionStorage.setItem(this.key, JSON.stringify({ entries: this.entries(), revision: this.revision(), submitted }));
  }

  revision() {
    return Number(this.form.elements.namedItem("revision")?.value ?? 0);
  }

  /** The button that only saves does so here, where the caret stays. Any other sends the form by the ordinary way, once
      no save is under way (it moves the revision); its draft is needed only if the server's revision has not moved. */
  async submitted(event) {
    if (event.submitter?.matches("[data-save-here]") && !this.refused) {
      event.preventDefault();
      return this.save();
    }
    clearTimeout(this.timer);
    if (this.saving) {
      const { submitter } = event;
      event.preventDefault();
      event.stopImmediatePropagation();
      await this.saving;
      return this.form.requestSubmit(submitter);
    }
    if (this.pending()) this.keep(true);
    this.acknowledged = this.typed;
    return undefined;
  }

  plan(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  /** Saves now; one request at a time, and again when something was typed meanwhile. */
  async save() {
    clearTimeout(this.timer);
    if (this.refused) return;
    if (this.saving) {
      await this.saving;
      return;
    }
    this.saving = this.send(this.typed);
    await this.saving;
    this.saving = null;
    if (this.pending() && !this.refused) this.plan(this.retryWait ?? 0);
  }

  async send(upTo) {
    this.firstChange = null;
    this.retryWait = null;
    this.show("saving");
    try {
      const response = await fetch(this.url, {
        method: "POST",
        body: this.body(),
        headers: { Accept: "application/json" },
        redirect: "manual",
        signal: AbortSignal.timeout(10000),
      });
      if (response.ok) this.accept(upTo, await response.json());
      else if (response.status < 500 && response.status !== 429) await this.refuse(response);
      else if (response.status === 503) this.later("busy", Number(response.headers.get("Retry-After")) * 1000);
      else this.later("offline");
    } catch {
      this.later("offline");
    }
  }

  accept(upTo, { savedAt, shown, revision }) {
    unsay("said-offline");
    this.acknowledged = upTo;
    this.retry = FIRST_RETRY_MS;
    const field = this.form.elements.namedItem("revision");
    if (field && revision !== undefined) field.value = revision;
    const time = this.state?.querySelector("[data-saved-at]");
    if (time) {
      time.dateTime = savedAt;
      time.textContent = shown;
    }
    if (this.pending()) return;
    sessionStorage.removeItem(this.key);
    this.show("saved");
  }

  /** Nobody answered, or the server has too much to do and says when to come back: tried again either way. */
  later(state, wait = 0) {
    this.show(state);
    this.retryWait = wait || this.retry;
    this.retry = Math.min(LAST_RETRY_MS, this.retry * 2);
  }

  /** Too late, or saved elsewhere since: what was typed stays on the page and in the session's store. */
  async refuse(response) {
    this.refused = true;
    this.show("refused");
    const { message } = await response.json().catch(() => ({}));
    if (message) say(message, "error");
  }

  /** Resolves when everything typed is acknowledged, or cannot be; a server that is busy is asked a few times. */
  async flush() {
    if (this.saving) await this.saving;
    for (let tries = 0; tries < BUSY_TRIES && this.pending() && !this.refused; tries += 1) {
      if (tries) await new Promise((resolve) => setTimeout(resolve, this.retryWait ?? 0));
      await this.save();
      if (!this.busy()) return;
    }
  }

  busy() {
    return this.state?.dataset.state === "busy";
  }

  lastWords() {
    fetch(this.url, { method: "POST", body: this.body(), keepalive: true });
  }

  restore() {
    const { entries, revision, submitted } = JSON.parse(sessionStorage.getItem(this.key) ?? "{}");
    if (!entries) return;
    if (submitted && this.revision() > revision) {
      sessionStorage.removeItem(this.key);
      return;
    }
    const names = new Set(entries.map(([name]) => name));
    const moved = this.revision() > revision;
    for (const field of this.form.elements) {
      if (!field.name || SKIPPED.has(field.name) || ["hidden", "submit", "button"].includes(field.type)) continue;
      const values = entries.filter(([name]) => name === field.name).map(([, value]) => value);
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (names.has(field.name)) field.value = moved ? both(field.value, values[0]) : values[0];
    }
    this.typed += 1;
    this.show("waiting");
    this.plan(0);
  }

  show(state) {
    if (this.state) this.state.dataset.state = state;
  }
}
