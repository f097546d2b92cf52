// Cards: a lamp that plays each answer, in grids of which only what is near the window exists.
"use strict";

const { Schedule, frame, timeline } = simulator(DEVICE);
const FPS = 1000 / DEVICE.tick_ms;
const REEL_SECONDS = 8;

const players = new Set();

/** Plays a program on a canvas: in time-lapse, so that every step is seen, or in real time. */
class Player {
  constructor(canvas, response, poster) {
    this.canvas = canvas;
    this.poster = poster;
    this.visible = false;
    this.real = false;
    this.alone = false; // plays although all others pause
    this.still = undefined; // the instant at which it is held
    this.started = performance.now();
    this.drawn = null;
    const program = response === null ? null : JSON.parse(response);
    this.schedule = program && new Schedule(program);
    this.instants = program ? timeline(this.schedule, REEL_SECONDS, FPS) : [];
  }

  /** The instant of the program (ms) to show now. */
  instant(now) {
    if (!this.moving) return this.still ?? this.poster;
    if (this.real) return Math.max(0, Math.trunc(now - this.started));
    return this.instants[this.place(now)];
  }

  get moving() {
    return (state.playing || this.alone) && this.still === undefined;
  }

  place(now) {
    return Math.max(0, Math.trunc((now - this.started) / DEVICE.tick_ms)) % this.instants.length;
  }

  draw(now) {
    if (!this.schedule) return;
    const { command, elapsed } = this.schedule.at(this.instant(now));
    const changes = command.type === "pattern" && "speed" in DEVICE.defaults[command.name];
    // What looks the same is not drawn again.
    const tick = changes ? Math.trunc(elapsed / DEVICE.tick_ms) : 0;
    if (command === this.drawn?.command && tick === this.drawn.tick) return;
    this.drawn = { command, tick };
    drawLamp(this.canvas, frame(command, elapsed));
  }
}

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (target.player) target.player.visible = isIntersecting;
});

let lastTick = -1;

function animate(now) {
  const tick = Math.trunc(now / DEVICE.tick_ms);
  if (tick !== lastTick) {
    lastTick = tick;
    for (const player of players) if (player.visible) player.draw(now);
    detailTick(now);
  }
  requestAnimationFrame(animate);
}

// Cards ----------------------------------------------------------------------------------------------------------

const GAP = 10;
const CARD = 158;
const WORDS_HEIGHT = 102;
const MARGIN = 400; // px above and below the window in which cards exist

/** A grid of cards that fills its column. */
class Pane {
  constructor(rows, name) {
    this.rows = rows;
    this.cards = new Map(); // by place in `rows`
    this.current = -1;
    this.grid = element("div", { className: "grid" });
    this.root = element("section", { className: "pane" });
    if (name) this.root.append(element("h2", { textContent: name }));
    this.root.append(this.grid);
  }

  /** Measure anew, and place the cards. */
  lay() {
    const width = this.grid.clientWidth;
    this.measured = width;
    this.columns = Math.max(1, Math.floor((width + GAP) / (CARD + GAP)));
    if (this.columns === 1 && width >= 300) this.columns = 2; // a phone
    this.width = (width - GAP * (this.columns - 1)) / this.columns;
    this.lamp = Math.round((this.width * DOWN) / ACROSS);
    this.height = this.lamp + WORDS_HEIGHT;
    this.grid.style.height = `${Math.ceil(this.rows.length / this.columns) * (this.height + GAP)}px`;
    this.close();
    this.scroll();
  }

  /** On phones the height changes all the time, when the address bar comes and goes. */
  resized() {
    if (this.grid.clientWidth === this.measured) this.scroll();
    else this.lay();
  }

  /** Make the cards near the window, drop the others. */
  scroll() {
    const top = this.grid.getBoundingClientRect().top;
    const line = this.height + GAP;
    const first = Math.max(0, Math.floor((-top - MARGIN) / line)) * this.columns;
    const behind = Math.ceil((innerHeight - top + MARGIN) / line) * this.columns;
    for (const [place, card] of this.cards) {
      if ((place < first || place >= behind) && place !== this.current) this.#drop(place, card);
    }
    for (let place = first; place < Math.min(behind, this.rows.length); place += 1) this.#card(place);
  }

  #card(place) {
    if (this.cards.has(place)) return this.cards.get(place);
    const row = this.rows[place];
    const scale = Math.min(2, devicePixelRatio || 1);
    const canvas = element("canvas", { width: this.width * scale, height: this.lamp * scale });
    canvas.style.height = `${this.lamp}px`;
    const words = element("span", { className: "prompt", dir: "auto", textContent: row.prompt });
    const parts = [canvas, element("span", { className: "words" }, words), tagsOf(row), ...badgeOf(row)];
    const card = element("button", { type: "button", className: "card" }, ...parts);
    const [x, y] = [place % this.columns, Math.floor(place / this.columns)];
    Object.assign(card.style, {
      left: `${x * (this.width + GAP)}px`, top: `${y * (this.height + GAP)}px`,
      width: `${this.width}px`, height: `${this.height}px`,
    });
    card.onclick = () => openDetail(this, place);
    card.onfocus = () => (this.current = place);
    card.player = new Player(canvas, row.valid ? row.response : null, row.poster);
    if (!row.valid) drawLamp(canvas, new Uint8ClampedArray(3 * DEVICE.leds));
    card.player.draw(performance.now());
    players.add(card.player);
    watcher.observe(card);
    this.cards.set(place, card);
    this.grid.append(card);
    return card;
  }

  #drop(place, card) {
    watcher.unobserve(card);
    players.delete(card.player);
    card.remove();
    this.cards.delete(place);
  }

  close() {
    for (const [place, card] of [...this.cards]) this.#drop(place, card);
  }

  /** Move to a card, wherever it is. */
  focus(place) {
    this.current = Math.min(this.rows.length - 1, Math.max(0, place));
    const card = this.#card(this.current);
    card.focus({ preventScroll: true });
    const box = card.getBoundingClientRect();
    const [above, below] = [document.querySelector("header").offsetHeight + GAP, innerHeight - GAP];
    if (box.top < above) scrollBy(0, box.top - above);
    else if (box.bottom > below) scrollBy(0, box.bottom - below);
  }
}

/** Where a row comes from, on two lines. */
function tagsOf(row) {
  const version = row.version === "v2" ? "new" : "original";
  const text = `${row.category}\n${[version, row.subcategory].filter(Boolean).join(" · ")}`;
  return element("span", { className: "tags", textContent: text, title: text });
}

function badgeOf(row) {
  const text = !row.valid ? "not valid" : row.running !== null ? "over a program" : "";
  return text ? [element("span", { className: "badge", textContent: text })] : [];
}
