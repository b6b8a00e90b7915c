// The page's one polite live region.

const region = () => document.getElementById("messages");

/** Puts the content of a <template> into the message region; repeating it says it again. */
export function sayTemplate(id) {
  const template = document.getElementById(id);
  if (template) region().replaceChildren(template.content.cloneNode(true));
}

/** Says one sentence in the message region. */
export function say(text, kind = "info") {
  const message = document.createElement("div");
  message.className = "message";
  message.dataset.kind = kind;
  message.append(Object.assign(document.createElement("p"), { textContent: text }));
  region().replaceChildren(message);
}

/** Says something to screen readers only, without moving what is on the page. */
export function whisper(text) {
  const line = Object.assign(document.createElement("p"), { className: "visually-hidden", textContent: text });
  region().append(line);
  setTimeout(() => line.remove(), 5000);
}
