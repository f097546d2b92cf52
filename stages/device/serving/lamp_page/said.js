// What was said: a list with small pictures, and the requests that arrow keys go back to.

import { LEVELS, drawStill } from "./lamp.js";

const SHOWN_WIDTH = 50;
const SHOWN_HEIGHT = 68;

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text ?? "" });
}

function levelsOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return bytes.length === LEVELS ? bytes : new Uint8Array(LEVELS);
}

function about(entry) {
  const clock = new Date(entry.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const parts = [clock, entry.changed ? "changed what ran" : entry.name];
  if (entry.source === "fallback") parts[1] = "a stand-in";
  if (entry.source === "safe") parts[1] = "refused";
  if (entry.remarks.some((remark) => remark.startsWith("flashes"))) parts.push("slowed down");
  return parts.join(" · ");
}

export class Said {
  /** repeat: called with the request of an entry that was clicked. */
  constructor({ list, nothing, repeat }) {
    this.list = list;
    this.nothing = nothing;
    this.repeat = repeat;
    this.items = new Map();
    this.requests = [];
    this.place = -1;
    this.draft = "";
  }

  /** Shows a history, the latest first. running: the id of the entry that is on the lamp. */
  show(history, running) {
    this.nothing.hidden = history.length > 0;
    const wanted = new Set(history.map(({ id }) => id));
    for (const [id, item] of this.items) {
      if (wanted.has(id)) continue;
      item.remove();
      this.items.delete(id);
    }
    for (const entry of history) {
      if (!this.items.has(entry.id)) {
        const item = this.#item(entry);
        this.items.set(entry.id, item);
        this.list.prepend(item);
      }
      this.items.get(entry.id).classList.toggle("now", entry.id === running);
    }
    if (this.place < 0) this.requests = distinct(history.map(({ request }) => request).reverse());
  }

  #item(entry) {
    const item = element("li", entry.changed ? "follows" : "");
    const button = element("button", "");
    button.type = "button";
    button.setAttribute("aria-label", `Say again: ${entry.request}`);
    button.title = [entry.request, ...entry.remarks].join("\n");
    const canvas = element("canvas", "");
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = SHOWN_WIDTH * ratio;
    canvas.height = SHOWN_HEIGHT * ratio;
    canvas.setAttribute("aria-hidden", "true");
    drawStill(canvas, levelsOf(entry.still));
    const request = element("span", "request", entry.request);
    request.dir = "auto";
    button.append(canvas, request, element("span", "about", about(entry)));
    button.addEventListener("click", () => this.repeat(entry.request));
    item.append(button);
    return item;
  }

  /** What was just said, before the service has answered. */
  remember(request) {
    this.requests = distinct([request, ...this.requests]);
    this.rest();
  }

  /** The request that an arrow key goes to: 1 to earlier ones, -1 back. draft: what stands in the box. */
  step(direction, draft) {
    if (this.place < 0) this.draft = draft;
    this.place = Math.min(this.requests.length - 1, Math.max(-1, this.place + direction));
    return this.place < 0 ? this.draft : this.requests[this.place];
  }

  /** The next arrow key begins at the latest request again. */
  rest() {
    this.place = -1;
  }
}

function distinct(requests) {
  return [...new Set(requests)];
}
