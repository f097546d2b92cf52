// How the lamp is drawn: a dark body with 140 LEDs in front, and the light of 32 more on the wall behind it.
"use strict";

/** Lengths in LED distances: the room for the light on the wall, from the LEDs to the body's edge, an LED. */
const HALO = 1.9;
const BODY = 0.95;
const DOT = 0.84;
/** The lens of an LED that is off. */
const LENS = [25, 26, 31];
const WALL = "#121318";
const SIDE = 8; // ambient LEDs on each side

/** Width and height of a drawing in LED distances. */
const ACROSS = DEVICE.width + 2 * (HALO + BODY);
const DOWN = DEVICE.height + 2 * (HALO + BODY);

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** Everything of a drawing that does not hang on what is shown; one for each size. */
class Stage {
  constructor(pitch) {
    this.pitch = pitch;
    this.width = Math.round(ACROSS * pitch);
    this.height = Math.round(DOWN * pitch);
    this.left = Math.round((HALO + BODY) * pitch);
    this.frontWidth = DEVICE.width * pitch;
    this.frontHeight = DEVICE.height * pitch;
    this.body = this.#body();
    this.glow = this.#glow();
    this.dots = this.#dots();
    // Canvases to work on, shared by all lamps of this size.
    this.wall = canvasOf(this.width, this.height);
    this.lit = canvasOf(this.frontWidth, this.frontHeight);
  }

  #box(margin) {
    const grown = margin * this.pitch;
    return [this.left - grown, this.left - grown, this.frontWidth + 2 * grown, this.frontHeight + 2 * grown];
  }

  #body() {
    const canvas = canvasOf(this.width, this.height);
    const paint = canvas.getContext("2d");
    const rim = paint.createLinearGradient(0, 0, 0, this.height);
    rim.addColorStop(0.1, "#565a62");
    rim.addColorStop(0.9, "#2b2d33");
    paint.fillStyle = rim;
    paint.beginPath();
    paint.roundRect(...this.#box(BODY), 1.7 * this.pitch);
    paint.fill();
    paint.fillStyle = "#1e2026";
    paint.beginPath();
    paint.roundRect(...this.#box(BODY - Math.max(0.1, 1 / this.pitch)), 1.6 * this.pitch);
    paint.fill();
    paint.fillStyle = "#0a0b0e";
    paint.beginPath();
    paint.roundRect(...this.#box(0.35), 1.1 * this.pitch);
    paint.fill();
    return canvas;
  }

  /** How much of the ambient light reaches each place: two bells of the distance to the body, as alpha. */
  #glow() {
    const canvas = canvasOf(this.width, this.height);
    const paint = canvas.getContext("2d");
    const image = paint.createImageData(this.width, this.height);
    const [halfWidth, halfHeight] = [DEVICE.width / 2 + BODY - 1.7, DEVICE.height / 2 + BODY - 1.7];
    const bell = (distance, spread) => Math.exp(-0.5 * (distance / spread) ** 2);
    for (let y = 0; y < this.height; y += 1) {
      for (let x = 0; x < this.width; x += 1) {
        const [overX, overY] = [
          Math.abs((x + 0.5) / this.pitch - ACROSS / 2) - halfWidth,
          Math.abs((y + 0.5) / this.pitch - DOWN / 2) - halfHeight,
        ];
        const distance = Math.max(0, Math.hypot(Math.max(overX, 0), Math.max(overY, 0)) - 1.7);
        const share = 0.6 * bell(distance, 0.6) + 0.36 * bell(distance, 1.3);
        const border = Math.min(1, Math.max(0, (HALO - distance) / 1.1));
        image.data[4 * (y * this.width + x) + 3] = 255 * share * Math.sin((border * Math.PI) / 2) ** 2;
      }
    }
    paint.putImageData(image, 0, 0);
    return canvas;
  }

  /** The LEDs, rounded and brightest in the middle, as alpha. */
  #dots() {
    const canvas = canvasOf(this.frontWidth, this.frontHeight);
    const paint = canvas.getContext("2d");
    const size = DOT * this.pitch;
    for (let led = 0; led < DEVICE.width * DEVICE.height; led += 1) {
      const x = ((led % DEVICE.width) + 0.5) * this.pitch;
      const y = (Math.floor(led / DEVICE.width) + 0.5) * this.pitch;
      const shade = paint.createRadialGradient(x, y, 0, x, y, 0.7 * this.pitch);
      shade.addColorStop(0, "rgba(0,0,0,1)");
      shade.addColorStop(1, "rgba(0,0,0,0.7)");
      paint.fillStyle = shade;
      paint.beginPath();
      paint.roundRect(x - size / 2, y - size / 2, size, size, 0.36 * size);
      paint.fill();
    }
    return canvas;
  }
}

const stages = new Map();

function stageOf(pitch) {
  if (!stages.has(pitch)) stages.set(pitch, new Stage(pitch));
  return stages.get(pitch);
}

// Tiny pictures, one pixel for each LED, that are drawn large. The light of the ambient LEDs is as strong right
// behind the body, which hides it, so that it is strongest at the body's edge.
const tinyFront = canvasOf(DEVICE.width, DEVICE.height);
const tinyWall = canvasOf(SIDE, SIDE);
const NEAREST = Array.from({ length: SIDE ** 2 }, (_, place) => nearestAmbient(place % SIDE, Math.floor(place / SIDE)));

/** The ambient LED nearest to a place; they sit behind the body's edge, clockwise from the top left. */
function nearestAmbient(x, y) {
  const last = SIDE - 1;
  const sides = [[y, x], [last - x, SIDE + y], [last - y, 3 * SIDE - 1 - x], [x, 4 * SIDE - 1 - y]];
  return sides.reduce((best, side) => (side[0] < best[0] ? side : best))[1];
}

function fillFront(levels) {
  const image = new ImageData(DEVICE.width, DEVICE.height);
  for (let led = 0; led < DEVICE.width * DEVICE.height; led += 1) {
    const [red, green, blue] = [levels[3 * led], levels[3 * led + 1], levels[3 * led + 2]];
    // The grey of a lens, which a bright LED outshines.
    const unlit = (1 - Math.max(red, green, blue) / 255) ** 4;
    image.data.set([red + LENS[0] * unlit, green + LENS[1] * unlit, blue + LENS[2] * unlit, 255], 4 * led);
  }
  tinyFront.getContext("2d").putImageData(image, 0, 0);
}

/** Returns whether any ambient LED is lit. */
function fillWall(levels) {
  const image = new ImageData(SIDE, SIDE);
  const first = 3 * DEVICE.width * DEVICE.height;
  let lit = false;
  for (const [place, index] of NEAREST.entries()) {
    const [red, green, blue] = levels.subarray(first + 3 * index, first + 3 * index + 3);
    lit ||= red + green + blue > 0;
    image.data.set([red, green, blue, 255], 4 * place);
  }
  tinyWall.getContext("2d").putImageData(image, 0, 0);
  return lit;
}

/** Draws `levels` (3 x 172) into a canvas, as large as fits. */
function drawLamp(canvas, levels) {
  const pitch = Math.max(2, Math.floor(Math.min(canvas.width / ACROSS, canvas.height / DOWN)));
  const stage = stageOf(pitch);
  const paint = canvas.getContext("2d");
  const [x, y] = [Math.round((canvas.width - stage.width) / 2), Math.round((canvas.height - stage.height) / 2)];
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.globalCompositeOperation = "source-over";
  paint.fillStyle = WALL;
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.translate(x, y);
  if (fillWall(levels)) drawWall(paint, stage);
  paint.drawImage(stage.body, 0, 0);
  fillFront(levels);
  drawFront(paint, stage);
}

function drawWall(paint, stage) {
  const wall = stage.wall.getContext("2d");
  wall.globalCompositeOperation = "copy";
  wall.drawImage(tinyWall, 0, 0, stage.width, stage.height);
  wall.globalCompositeOperation = "destination-in";
  wall.drawImage(stage.glow, 0, 0);
  paint.globalCompositeOperation = "screen";
  paint.drawImage(stage.wall, 0, 0);
  paint.globalCompositeOperation = "source-over";
}

function drawFront(paint, stage) {
  const { left, frontWidth, frontHeight } = stage;
  // Light that spills over the panel: the same picture, blurred by being drawn large, a little beyond its edges.
  const spill = 0.35 * stage.pitch;
  const box = [left - spill, left - spill, frontWidth + 2 * spill, frontHeight + 2 * spill];
  paint.save();
  paint.beginPath();
  paint.roundRect(...box, 1.1 * stage.pitch);
  paint.clip();
  paint.globalCompositeOperation = "screen";
  paint.globalAlpha = 0.22;
  paint.drawImage(tinyFront, ...box);
  paint.restore();
  const lit = stage.lit.getContext("2d");
  lit.imageSmoothingEnabled = false;
  lit.globalCompositeOperation = "copy";
  lit.drawImage(tinyFront, 0, 0, frontWidth, frontHeight);
  lit.globalCompositeOperation = "destination-in";
  lit.drawImage(stage.dots, 0, 0);
  paint.drawImage(stage.lit, left, left);
}
