// How the lamp is drawn: a graphite frame on a wooden foot, and 140 LEDs behind a diffuser.

export const COLUMNS = 10;
export const ROWS = 14;
export const FRONT = COLUMNS * ROWS;
export const AMBIENT = 32;
export const LEVELS = 3 * (FRONT + AMBIENT);

/** Lengths in LED distances: from the LEDs to the frame's edge; the foot; the air that a bloom reaches into. */
export const BODY = 1.05;
export const WIDTH = COLUMNS + 2 * BODY;
export const HEIGHT = ROWS + 2 * BODY;
export const FOOT = { width: 6.6, height: 1.15, sunk: 0.3 };
const AIR = 4;
const DOT = 0.8;

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

function vertical(paint, top, bottom, ...stops) {
  const gradient = paint.createLinearGradient(0, top, 0, bottom);
  for (const [place, color] of stops) gradient.addColorStop(place, color);
  return gradient;
}

/** Fills `canvas`, one pixel for each cell, with what `color` gives for its number: red, green, blue 0-255. */
function fill(canvas, color) {
  const image = new ImageData(canvas.width, canvas.height);
  for (let cell = 0; cell < canvas.width * canvas.height; cell += 1) {
    const [red, green, blue] = color(cell);
    image.data.set([red, green, blue, 255], 4 * cell);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A bell of five cells' spread to each side, of which the sum is 1. */
const BELL = Array.from({ length: 9 }, (_, place) => Math.exp(-0.5 * ((place - 4) / 1.7) ** 2));
const BELL_SUM = BELL.reduce((sum, value) => sum + value, 0);

/** The front's light around it, `AIR` cells to each side, blurred, 0-1 per channel. */
class Bloom {
  constructor() {
    this.width = COLUMNS + 2 * AIR;
    this.height = ROWS + 2 * AIR;
    this.canvas = canvasOf(this.width, this.height);
    this.sharp = new Float32Array(3 * this.width * this.height);
    this.half = new Float32Array(this.sharp.length);
    this.soft = new Float32Array(this.sharp.length);
  }

  draw(levels) {
    for (let led = 0; led < FRONT; led += 1) {
      const cell = (Math.floor(led / COLUMNS) + AIR) * this.width + (led % COLUMNS) + AIR;
      for (let channel = 0; channel < 3; channel += 1) {
        this.sharp[3 * cell + channel] = (levels[3 * led + channel] / 255) ** 2.2;
      }
    }
    this.#blur(this.sharp, this.half, 1, this.width);
    this.#blur(this.half, this.soft, this.width, this.height);
    fill(this.canvas, (cell) => [0, 1, 2].map((channel) => 255 * this.soft[3 * cell + channel] ** (1 / 2.2)));
    return this.canvas;
  }

  #blur(from, to, stride, length) {
    for (let cell = 0; cell < this.width * this.height; cell += 1) {
      const along = Math.floor(cell / stride) % length;
      const sum = [0, 0, 0];
      for (let tap = Math.max(-4, -along); tap <= Math.min(4, length - 1 - along); tap += 1) {
        const share = BELL[tap + 4] / BELL_SUM;
        for (let channel = 0; channel < 3; channel += 1) {
          sum[channel] += share * from[3 * (cell + tap * stride) + channel];
        }
      }
      to.set(sum, 3 * cell);
    }
  }
}

/** The lamp at one size. `canvas` holds it after `draw`, with `air` pixels around the frame. */
export class Lamp {
  constructor(pitch) {
    this.pitch = pitch;
    this.air = Math.round(AIR * pitch) - Math.round(BODY * pitch);
    this.width = Math.round(WIDTH * pitch);
    this.height = Math.round((HEIGHT + FOOT.height - FOOT.sunk) * pitch);
    this.left = this.air + Math.round(BODY * pitch);
    this.front = [this.left, this.left, COLUMNS * pitch, ROWS * pitch];
    this.canvas = canvasOf(this.width + 2 * this.air, this.height + 2 * this.air);
    this.body = canvasOf(this.canvas.width, this.canvas.height);
    this.lit = canvasOf(COLUMNS * pitch, ROWS * pitch);
    this.dots = this.#mask(DOT, 0.34, [0, "#000"], [0.55, "rgb(0 0 0 / .92)"], [1, "rgb(0 0 0 / .62)"]);
    this.cores = this.#mask(DOT, 0.34, [0, "rgb(0 0 0 / .7)"], [0.45, "rgb(0 0 0 / .22)"], [0.9, "transparent"]);
    this.colors = canvasOf(COLUMNS, ROWS);
    this.hot = canvasOf(COLUMNS, ROWS);
    this.bloom = new Bloom();
    this.#drawBody();
  }

  #box(margin) {
    const grown = margin * this.pitch;
    const [x, y, width, height] = this.front;
    return [x - grown, y - grown, width + 2 * grown, height + 2 * grown];
  }

  #mask(size, corner, ...stops) {
    const canvas = canvasOf(COLUMNS * this.pitch, ROWS * this.pitch);
    const paint = canvas.getContext("2d");
    const side = size * this.pitch;
    for (let led = 0; led < FRONT; led += 1) {
      const x = ((led % COLUMNS) + 0.5) * this.pitch;
      const y = (Math.floor(led / COLUMNS) + 0.5) * this.pitch;
      const shade = paint.createRadialGradient(x, y, 0, x, y, 0.62 * this.pitch);
      for (const [place, color] of stops) shade.addColorStop(place, color);
      paint.fillStyle = shade;
      paint.beginPath();
      paint.roundRect(x - side / 2, y - side / 2, side, side, corner * side);
      paint.fill();
    }
    return canvas;
  }

  #drawBody() {
    const paint = this.body.getContext("2d");
    this.#drawFoot(paint);
    const [x, y, width, height] = this.#box(BODY);
    const round = (margin, radius) => {
      paint.beginPath();
      paint.roundRect(...this.#box(margin), radius * this.pitch);
      paint.fill();
    };
    const rim = [[0, "#7d828c"], [0.04, "#43464e"], [0.7, "#2a2c32"], [1, "#121317"]];
    paint.fillStyle = vertical(paint, y, y + height, ...rim);
    round(BODY, 1.45);
    const across = paint.createLinearGradient(x, 0, x + width, 0);
    const side = [[0, "#43464d"], [0.05, "#2c2e34"], [0.5, "#25272c"], [0.95, "#1d1e23"], [1, "#15161a"]];
    for (const [place, color] of side) across.addColorStop(place, color);
    paint.fillStyle = across;
    round(BODY - 0.09, 1.37);
    paint.fillStyle = vertical(paint, y, y + height, [0, "#020203"], [1, "#3a3c43"]);
    round(0.5, 0.92);
    paint.fillStyle = "#0a0b0d";
    round(0.44, 0.86);
    this.#drawLenses(paint);
  }

  #drawLenses(paint) {
    const lens = canvasOf(...this.front.slice(2));
    const onto = lens.getContext("2d");
    onto.fillStyle = vertical(onto, 0, lens.height, [0, "#1f2126"], [1, "#17181c"]);
    onto.fillRect(0, 0, lens.width, lens.height);
    onto.globalCompositeOperation = "destination-in";
    onto.drawImage(this.dots, 0, 0);
    paint.drawImage(lens, this.left, this.left);
  }

  #drawFoot(paint) {
    const width = FOOT.width * this.pitch;
    const height = FOOT.height * this.pitch;
    const x = this.air + (this.width - width) / 2;
    const y = this.air + this.height - height;
    paint.save();
    paint.beginPath();
    paint.roundRect(x, y, width, height, [0.18 * this.pitch, 0.18 * this.pitch, 0.32 * this.pitch, 0.32 * this.pitch]);
    paint.clip();
    paint.fillStyle = vertical(paint, y, y + height, [0, "#a8764a"], [0.3, "#85562f"], [1, "#4a2c17"]);
    paint.fillRect(x, y, width, height);
    for (let line = 0; line < 9; line += 1) {
      const at = y + ((line + 0.6) / 9) * height;
      paint.strokeStyle = line % 3 ? "rgb(40 20 8 / .16)" : "rgb(40 20 8 / .3)";
      paint.lineWidth = Math.max(1, 0.035 * this.pitch);
      paint.beginPath();
      paint.moveTo(x, at);
      const bend = 0.13 * this.pitch;
      paint.bezierCurveTo(x + width * 0.3, at - bend, x + width * 0.6, at + bend, x + width, at);
      paint.stroke();
    }
    paint.restore();
  }

  /** Draws `levels` into `canvas`. */
  draw(levels) {
    const paint = this.canvas.getContext("2d");
    paint.globalCompositeOperation = "copy";
    paint.drawImage(this.body, 0, 0);
    fill(this.colors, (led) => levels.subarray(3 * led, 3 * led + 3));
    // The middle of a bright LED is brighter and paler than its colour; a dim one is as even as its diffuser.
    fill(this.hot, (led) => {
      const color = levels.subarray(3 * led, 3 * led + 3);
      const bright = (Math.max(...color) / 255) ** 2;
      return [0, 1, 2].map((channel) => bright * (0.35 * color[channel] + 24));
    });
    this.#drawBloom(paint, levels);
    this.#drawDots(paint, this.colors, this.dots, "screen");
    this.#drawDots(paint, this.hot, this.cores, "lighter");
    paint.globalCompositeOperation = "source-over";
  }

  #drawBloom(paint, levels) {
    const soft = this.bloom.draw(levels);
    const box = this.#box(AIR);
    paint.save();
    // Over the panel a diffuser spreads it; over the frame and the air beside it there is a mere shimmer.
    paint.globalCompositeOperation = "lighter";
    paint.globalAlpha = 0.27;
    paint.beginPath();
    paint.roundRect(...this.#box(0.44), 0.86 * this.pitch);
    paint.clip();
    paint.drawImage(soft, ...box);
    paint.restore();
    paint.save();
    paint.globalCompositeOperation = "screen";
    paint.globalAlpha = 0.3;
    paint.beginPath();
    paint.roundRect(...this.#box(BODY), 1.45 * this.pitch);
    paint.clip();
    paint.drawImage(soft, ...box);
    paint.restore();
  }

  #drawDots(paint, colors, mask, how) {
    const lit = this.lit.getContext("2d");
    lit.imageSmoothingEnabled = false;
    lit.globalCompositeOperation = "copy";
    lit.drawImage(colors, 0, 0, this.lit.width, this.lit.height);
    lit.globalCompositeOperation = "destination-in";
    lit.drawImage(mask, 0, 0);
    paint.globalCompositeOperation = how;
    paint.drawImage(this.lit, this.left, this.left);
  }
}

/** A small picture of `levels` for the history, as large as the canvas. */
export function drawStill(canvas, levels) {
  const paint = canvas.getContext("2d");
  const pitch = Math.min(canvas.width / (COLUMNS + 1), canvas.height / (ROWS + 1));
  const [left, top] = [(canvas.width - COLUMNS * pitch) / 2, (canvas.height - ROWS * pitch) / 2];
  paint.fillStyle = "#0b0c0f";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  for (let led = 0; led < FRONT; led += 1) {
    const color = [...levels.subarray(3 * led, 3 * led + 3)];
    paint.fillStyle = color.some((level) => level > 8) ? `rgb(${color.join(" ")})` : "#1b1d21";
    paint.beginPath();
    const side = 0.84 * pitch;
    const [x, y] = [left + ((led % COLUMNS) + 0.08) * pitch, top + (Math.floor(led / COLUMNS) + 0.08) * pitch];
    paint.roundRect(x, y, side, side, 0.3 * side);
    paint.fill();
  }
}
