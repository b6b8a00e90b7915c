// The page's one polite live region.

const region = () => document.getElementById("messages");

function show(content, id = "") {
  region().replaceChildren(content);
  region().dataset.said = id;
  region().scrollIntoView({ block: "nearest" });
}

/** Puts the content of a <template> into the message region; repeating it says it again. */
export function sayTemplate(id) {
  const template = document.getElementById(id);
  if (template) show(template.content.cloneNode(true), id);
}

/** Takes back what a <template> said, once it holds no longer. */
export function unsay(id) {
  if (region().dataset.said === id) region().replaceChildren();
}

/** Says one sentence in the message region. */
export function say(text, kind = "info") {
  const message = document.createElement("div");
  message.className = "message";
  message.dataset.kind = kind;
  message.append(Object.assign(document.createElement("p"), { textContent: text }));
  show(message);
}

/** Says something to screen readers only, without moving what is on the page. */
export function whisper(text) {
  const line = Object.assign(document.createElement("p"), { className: "visually-hidden", textContent: text });
  region().append(line);
  setTimeout(() => line.remove(), 5000);
}
