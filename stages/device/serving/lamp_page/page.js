// The page: a room with the lamp, a box to speak to it, and what was said.

import { LEVELS } from "./lamp.js";
import { Room } from "./room.js";
import { Said } from "./said.js";
import { Problem, Service } from "./talk.js";

const EXAMPLES = ["a teal butterfly on navy", "warm and cosy", "simulate a sunrise"];
const PLACEHOLDERS = [...EXAMPLES, "slower", "that, but in blue", "sleep timer, 30 minutes", "a red heart"];
const NEXT_PLACEHOLDER_MS = 4000;
const CALM_MS = 1000; // between pictures, for who wants little motion

const find = (id) => document.getElementById(id);
const page = Object.fromEntries(
  [
    ..."room grain name since light off spot say hint hintText correct examples wish".split(" "),
    ..."ask askForm askWhy token".split(" "),
  ].map((id) => [id, find(id)]),
);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const night = matchMedia("(prefers-color-scheme: dark)");

const room = new Room(page.room);
const service = new Service(askForToken);
const said = new Said({ list: find("said"), nothing: find("nothing"), repeat: (request) => say(request) });
let levels = new Uint8Array(LEVELS);
let drawnAt = 0;
let stale = true;
let running = null;
let runningSince = 0;
let connected = false;
let pending = null;

// The room ----------------------------------------------------------------------------------------------------

function roomKind() {
  return document.documentElement.dataset.room;
}

function setRoom(kind, keep = false) {
  document.documentElement.dataset.room = kind;
  page.light.setAttribute("aria-pressed", String(kind === "light"));
  document.querySelector('meta[name="theme-color"]').content = kind === "light" ? "#d9d2c8" : "#141519";
  try {
    if (keep) localStorage.setItem("lampforge-room", kind);
  } catch {
    // Then it is as the system says, the next time.
  }
  layOut();
}

function keptRoom() {
  try {
    return localStorage.getItem("lampforge-room");
  } catch {
    return null;
  }
}

function layOut() {
  const { left, top, width, height } = page.spot.getBoundingClientRect();
  // On a phone the page scrolls over the room, which stays.
  const scrolled = getComputedStyle(page.spot).position === "absolute" ? window.scrollY : 0;
  room.resize({ left, top: top + scrolled, width, height }, roomKind());
  stale = true;
}

/** Fine noise over the room: without it, eyes find the steps between the shades of a dark wall. */
function makeGrain() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 128;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(128, 128);
  for (let place = 0; place < image.data.length; place += 4) {
    const value = Math.random() < 0.5 ? 0 : 255;
    image.data.set([value, value, value, 6 * Math.random()], place);
  }
  paint.putImageData(image, 0, 0);
  page.grain.style.backgroundImage = `url(${canvas.toDataURL()})`;
}

function draw(now) {
  requestAnimationFrame(draw);
  if (!stale || (calm.matches && now - drawnAt < CALM_MS) || !room.lamp) return;
  stale = false;
  drawnAt = now;
  room.draw(levels);
  const strongest = Math.max(...room.mean, 0.001);
  const tint = room.mean.map((value) => Math.round(255 * (value / strongest) ** (1 / 2.2)));
  const glow = strongest < 0.004 ? "#c9b8a4" : `rgb(${tint.join(" ")})`;
  document.documentElement.style.setProperty("--glow", glow);
}

// What is running ---------------------------------------------------------------------------------------------

function showFrame(frame) {
  if (frame.length !== LEVELS || frame.every((level, place) => level === levels[place])) return;
  levels = frame;
  stale = true;
}

function showState(state) {
  connected = true;
  running = state.running;
  runningSince = performance.now() - (running?.for_ms ?? 0);
  const name = running ? titled(running.program.name) : "The lamp is off";
  page.name.textContent = name === "Off" ? "Lights off" : name;
  document.title = running ? `${page.name.textContent} · Lamp` : "Lamp";
  page.room.setAttribute("aria-label", running ? `The lamp shows: ${page.name.textContent}` : "The lamp is dark");
  said.show(state.history, running?.id);
  page.examples.hidden = state.history.length > 0 || Boolean(pending);
  showSince(state.lamp);
  layOutIfMoved();
}

let lampProblem = "";
function showSince(lamp) {
  if (lamp !== undefined) lampProblem = lamp?.error ? " · the lamp itself could not be reached" : "";
  if (!connected) page.since.textContent = "connection lost, trying again …";
  else if (!running) page.since.textContent = "tell it what to be";
  else page.since.textContent = duration((performance.now() - runningSince) / 1000) + lampProblem;
}

function duration(seconds) {
  if (seconds < 10) return "since just now";
  if (seconds < 60) return `for ${Math.floor(seconds / 10) * 10} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `for ${minutes} minute${minutes === 1 ? "" : "s"}`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `for ${hours} h ${minutes % 60} min` : `for ${Math.floor(hours / 24)} days`;
}

function lostConnection() {
  connected = false;
  showSince();
}

// Speaking ----------------------------------------------------------------------------------------------------

async function say(request, how = {}) {
  if (!request.trim()) return;
  pending?.abort();
  const mine = new AbortController();
  pending = mine;
  page.say.classList.add("busy");
  page.examples.hidden = true;
  said.remember(request);
  hint(how.instead ? "Once more …" : `“${shortened(request)}” …`);
  try {
    const reply = await service.ask({ request, ...how }, mine.signal);
    if (page.wish.value === request) page.wish.value = "";
    explain(request, reply);
  } catch (error) {
    if (error instanceof Problem) hint(error.message, null, true);
    else if (error.name !== "AbortError") throw error;
    else if (pending === mine) hint("");
  } finally {
    if (pending === mine) {
      pending = null;
      page.say.classList.remove("busy");
    }
  }
}

/** Models write names in any case. */
function titled(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function shortened(text, most = 60) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function explain(request, reply) {
  const remarks = reply.remarks.map((line) => `${line[0].toUpperCase()}${line.slice(1)}.`);
  const name = shortened(titled(reply.program.name), 40);
  let text = reply.changed ? `Changed what ran: ${name}.` : `Now: ${name}.`;
  let correct = null;
  if (reply.source === "safe") text = "";
  else if (reply.source === "fallback") text = remarks.length ? "" : "A stand-in, for want of an answer.";
  else if (reply.changed) correct = { label: "No, start anew", change: false };
  else if (reply.could_change) correct = { label: "No, change what ran", change: true };
  if (correct) correct.say = () => say(request, { change: correct.change, instead: reply.id });
  hint([text, ...remarks].filter(Boolean).join(" "), correct);
}

function hint(text, correct = null, alarm = false) {
  page.hint.hidden = !text;
  page.hint.classList.toggle("alarm", alarm);
  page.hintText.textContent = text;
  page.correct.hidden = !correct;
  page.correct.textContent = correct?.label ?? "";
  page.correct.onclick = correct?.say ?? null;
  layOutIfMoved();
}

/** The hint takes room above the box, and the lamp gives way. */
function layOutIfMoved() {
  const box = page.spot.getBoundingClientRect();
  const moved = `${box.width} ${box.height}`;
  if (moved !== layOutIfMoved.last) layOut();
  layOutIfMoved.last = moved;
}

async function lightsOff() {
  pending?.abort();
  try {
    showState(await service.off());
    hint("");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    hint(error.message, null, true);
  }
}

function askForToken(wrong) {
  page.askWhy.textContent = wrong
    ? "That was not it. Try once more."
    : "It was chosen when the service was set up (LAMPFORGE_TOKEN). This browser will remember it.";
  page.token.value = "";
  page.ask.showModal();
  return new Promise((resolve) => {
    page.askForm.onsubmit = () => resolve(page.token.value.trim());
    // There is nothing behind it to go on with.
    page.ask.oncancel = (event) => event.preventDefault();
  });
}

// Keys and buttons --------------------------------------------------------------------------------------------

page.say.addEventListener("submit", (event) => {
  event.preventDefault();
  say(page.wish.value);
});

page.wish.addEventListener("keydown", (event) => {
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    event.preventDefault();
    page.wish.value = said.step(event.key === "ArrowUp" ? 1 : -1, page.wish.value);
  } else if (event.key === "Escape") {
    if (pending) pending.abort();
    else page.wish.value = "";
    said.rest();
  } else {
    said.rest();
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    page.wish.focus();
  }
});

page.off.addEventListener("click", lightsOff);
page.light.addEventListener("click", () => setRoom(roomKind() === "light" ? "dark" : "light", true));
night.addEventListener("change", () => !keptRoom() && setRoom(night.matches ? "dark" : "light"));
new ResizeObserver(layOut).observe(page.room);

for (const example of EXAMPLES) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "pill", textContent: example });
  button.addEventListener("click", () => say(example));
  const item = document.createElement("li");
  item.append(button);
  page.examples.append(item);
}

let turn = 0;
function nextPlaceholder() {
  page.wish.placeholder = `Try “${PLACEHOLDERS[turn % PLACEHOLDERS.length]}”`;
  turn += 1;
}
nextPlaceholder();
if (!calm.matches) setInterval(nextPlaceholder, NEXT_PLACEHOLDER_MS);
setInterval(showSince, 1000);

makeGrain();
setRoom(keptRoom() ?? (night.matches ? "dark" : "light"));
requestAnimationFrame(draw);
if (matchMedia("(hover: hover)").matches) page.wish.focus(); // on a phone the keyboard would hide the lamp
service.watch({ frame: showFrame, state: showState, lost: lostConnection });
