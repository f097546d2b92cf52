// The room around the lamp: a wall that its 32 ambient LEDs light, a table that mirrors it, by night or by day.

import { AMBIENT, FOOT, FRONT, HEIGHT, Lamp, WIDTH, canvasOf } from "./lamp.js";

/**
 * What a room is made of: how its wall and its table reflect light, what light there is without the lamp (on the table
 * so many times as much), how strong the lamp is beside it, how clearly the table mirrors. All 0-1, linear.
 */
const ROOMS = {
  dark: {
    wall: [0.6, 0.585, 0.57], table: [0.2, 0.125, 0.08],
    day: [0.018, 0.021, 0.031], tableDay: 1.6, lamp: 1, mirrors: 0.34,
  },
  light: {
    wall: [0.86, 0.81, 0.745], table: [0.6, 0.42, 0.27],
    day: [0.86, 0.86, 0.86], tableDay: 0.92, lamp: 0.62, mirrors: 0.26,
  },
};
/** Cells of light across the room; it is soft enough to be drawn this coarsely. */
const CELLS = 112;

const LINEAR = Float32Array.from({ length: 256 }, (_, level) => (level / 255) ** 2.2);
/** From light 0-4 to a level: linear at first, then ever less steep. */
const SEEN = Uint8ClampedArray.from({ length: 4097 }, (_, step) => {
  const light = step / 1024;
  return 255 * (light / (1 + light ** 3) ** (1 / 3)) ** (1 / 2.2);
});

/** Where an ambient LED sits, in LED distances from the frame's middle; clockwise from the top left. */
function ambientPlace(index) {
  const along = ((index % 8) + 0.5) / 8 - 0.5;
  const [across, down] = [WIDTH / 2 - 0.7, HEIGHT / 2 - 0.7];
  return [
    [2 * across * along, -down],
    [across, 2 * down * along],
    [-2 * across * along, down],
    [-across, -2 * down * along],
  ][Math.floor(index / 8)];
}

const PLACES = Array.from({ length: AMBIENT }, (_, index) => ambientPlace(index));

/** How much of an LED's light reaches a place on the wall: straight, and by way of the rest of the room. */
function reaching(dx, dy) {
  const far = dx * dx + dy * dy;
  return 0.115 / (1 + far / 5.5) ** 2 + 0.021 / (1 + far / 70) ** 1.5;
}

export class Room {
  constructor(canvas) {
    this.canvas = canvas;
    this.kind = "dark";
    this.mean = [0, 0, 0];
  }

  /** Lays everything out anew. spot: the rectangle in CSS pixels, within the canvas, that the lamp may fill. */
  resize(spot, kind) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.kind = kind;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    const down = HEIGHT + FOOT.height - FOOT.sunk;
    const pitch = Math.max(4, Math.floor(Math.min((spot.width * ratio) / WIDTH, (spot.height * ratio) / down)));
    if (this.lamp?.pitch !== pitch) this.lamp = new Lamp(pitch);
    this.x = Math.round((spot.left + spot.width / 2) * ratio - this.lamp.width / 2);
    this.y = Math.round((spot.top + spot.height) * ratio - this.lamp.height);
    this.middle = [this.x + this.lamp.width / 2, this.y + (HEIGHT * pitch) / 2];
    this.stands = this.y + this.lamp.height;
    this.edge = this.stands - 0.55 * FOOT.height * pitch;
    this.#weigh();
    this.surface = this.#drawSurface();
    this.mirror = canvasOf(this.lamp.canvas.width / 3, this.lamp.canvas.height / 3);
  }

  /** For each cell how much it gets of each ambient LED, of all of them, and of the front. */
  #weigh() {
    this.across = CELLS;
    this.down = Math.max(2, Math.round((CELLS * this.canvas.height) / this.canvas.width));
    const cells = this.across * this.down;
    this.weights = new Float32Array(cells * AMBIENT);
    this.sums = new Float32Array(cells);
    this.fronts = new Float32Array(cells);
    this.base = new Float32Array(3 * cells);
    this.albedo = new Float32Array(3 * cells);
    this.cells = canvasOf(this.across, this.down);
    this.image = new ImageData(this.across, this.down);
    const size = this.canvas.width / this.across;
    for (let cell = 0; cell < cells; cell += 1) this.#weighCell(cell, size);
  }

  #weighCell(cell, size) {
    const { pitch } = this.lamp;
    const room = ROOMS[this.kind];
    const [x, y] = [((cell % this.across) + 0.5) * size, (Math.floor(cell / this.across) + 0.5) * size];
    const below = Math.max(0, y - this.edge) / pitch;
    const share = Math.min(1, Math.max(0, (y - this.edge) / size + 0.5)); // of the table in this cell
    // What is on the table gets the light of the wall behind it, as a dull mirror does.
    const dx = (x - this.middle[0]) / pitch;
    const dy = ((below ? 2 * this.edge - y : y) - this.middle[1]) / pitch;
    const dulled = 1 - share * (1 - 0.75 / (1 + below / 3));
    for (let index = 0; index < AMBIENT; index += 1) {
      const weight = dulled * reaching(dx - PLACES[index][0], dy - PLACES[index][1]);
      this.weights[cell * AMBIENT + index] = weight;
      this.sums[cell] += weight;
    }
    const before = (x - this.middle[0]) ** 2 + (1.6 * (y - this.stands)) ** 2;
    const lit = 1.5 * share * (1 - Math.exp(-below)) / (1 + before / (7 * pitch) ** 2) ** 1.5;
    this.fronts[cell] = 0.16 / (1 + (dx * dx + dy * dy) / 190) + lit;
    const [fromLeft, fromTop] = [x / this.canvas.width, y / this.canvas.height];
    const shine = (1.12 - 0.34 * fromLeft - 0.22 * fromTop) * (share ? room.tableDay : 1);
    for (let channel = 0; channel < 3; channel += 1) {
      const reflects = room.wall[channel] + share * (room.table[channel] - room.wall[channel]);
      this.albedo[3 * cell + channel] = room.lamp * reflects;
      this.base[3 * cell + channel] = room.day[channel] * shine * reflects;
    }
  }

  /** What lies still: the shadows of the lamp, and the table's edge and grain. */
  #drawSurface() {
    const canvas = canvasOf(this.canvas.width, this.canvas.height);
    const paint = canvas.getContext("2d");
    const { pitch } = this.lamp;
    const strong = this.kind === "dark" ? 1 : 0.5;
    paint.save();
    paint.beginPath();
    paint.rect(0, this.edge, canvas.width, canvas.height - this.edge);
    paint.clip();
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let y = this.edge; y < canvas.height; y += pitch * (0.1 + 0.22 * random())) {
      paint.strokeStyle = `rgb(0 0 0 / ${(0.03 + 0.09 * random()) * strong})`;
      paint.lineWidth = pitch * (0.03 + 0.08 * random());
      paint.beginPath();
      paint.moveTo(0, y);
      const bend = () => pitch * 0.5 * (random() - 0.5);
      paint.bezierCurveTo(canvas.width * 0.3, y + bend(), canvas.width * 0.7, y + bend(), canvas.width, y + bend());
      paint.stroke();
    }
    paint.restore();
    this.#shade(paint, this.edge, 1.2 * pitch, canvas.width, 0.3 * strong);
    this.#drawContact(paint, strong);
    return canvas;
  }

  /** A shadow along the line where table and wall meet. */
  #shade(paint, edge, deep, width, alpha) {
    const shade = paint.createLinearGradient(0, edge, 0, edge + deep);
    shade.addColorStop(0, `rgb(0 0 0 / ${alpha})`);
    shade.addColorStop(1, "transparent");
    paint.fillStyle = shade;
    paint.fillRect(0, edge, width, deep);
  }

  /** The shadow under the foot. */
  #drawContact(paint, strong) {
    const { pitch } = this.lamp;
    paint.save();
    paint.translate(this.middle[0], this.stands - 0.08 * pitch);
    paint.scale(1, 0.13);
    const radius = 0.72 * FOOT.width * pitch;
    const shade = paint.createRadialGradient(0, 0, 0.5 * radius, 0, 0, radius);
    shade.addColorStop(0, `rgb(0 0 0 / ${0.45 + 0.25 * strong})`);
    shade.addColorStop(1, "transparent");
    paint.fillStyle = shade;
    paint.fillRect(-radius, -radius, 2 * radius, 2 * radius);
    paint.restore();
  }

  /** Draws `levels` (3 x 172). */
  draw(levels) {
    const paint = this.canvas.getContext("2d", { alpha: false });
    this.#light(levels);
    paint.imageSmoothingQuality = "high";
    // Half a cell less at each side: smoothing would pale at the borders.
    paint.drawImage(this.cells, 0.5, 0.5, this.across - 1, this.down - 1, 0, 0, this.canvas.width, this.canvas.height);
    paint.drawImage(this.surface, 0, 0);
    this.lamp.draw(levels);
    this.#drawMirrored(paint);
    const { canvas, air } = this.lamp;
    paint.drawImage(canvas, this.x - air, this.y - air);
  }

  #light(levels) {
    const ambient = Float32Array.from(levels.subarray(3 * FRONT), (level) => LINEAR[level]);
    const even = ambient.every((value, place) => value === ambient[place % 3]);
    const front = [0, 0, 0];
    for (let place = 0; place < 3 * FRONT; place += 1) front[place % 3] += LINEAR[levels[place]] / FRONT;
    const data = this.image.data;
    const light = [0, 0, 0];
    for (let cell = 0; cell < this.across * this.down; cell += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        light[channel] = this.fronts[cell] * front[channel] + (even ? this.sums[cell] * ambient[channel] : 0);
      }
      if (!even) this.#addEach(cell, ambient, light);
      for (let channel = 0; channel < 3; channel += 1) {
        const place = 3 * cell + channel;
        const value = this.base[place] + this.albedo[place] * light[channel];
        data[4 * cell + channel] = SEEN[Math.min(4096, Math.round(1024 * value))];
      }
      data[4 * cell + 3] = 255;
    }
    this.cells.getContext("2d").putImageData(this.image, 0, 0);
    this.mean = front.map((value, channel) => 0.6 * value + 0.4 * ambient[channel]);
  }

  #addEach(cell, ambient, light) {
    for (let index = 0; index < AMBIENT; index += 1) {
      const weight = this.weights[cell * AMBIENT + index];
      light[0] += weight * ambient[3 * index];
      light[1] += weight * ambient[3 * index + 1];
      light[2] += weight * ambient[3 * index + 2];
    }
  }

  /** The lamp in the polished table: upside down, blurred by being small, and fading. */
  #drawMirrored(paint) {
    const { canvas, air, pitch } = this.lamp;
    const small = this.mirror.getContext("2d");
    small.globalCompositeOperation = "copy";
    small.drawImage(canvas, 0, 0, this.mirror.width, this.mirror.height);
    small.globalCompositeOperation = "destination-in";
    const fade = small.createLinearGradient(0, (canvas.height - air) / 3, 0, (canvas.height - air - 13 * pitch) / 3);
    fade.addColorStop(0, `rgb(0 0 0 / ${ROOMS[this.kind].mirrors})`);
    fade.addColorStop(1, "transparent");
    small.fillStyle = fade;
    small.fillRect(0, 0, this.mirror.width, this.mirror.height);
    paint.save();
    paint.beginPath();
    paint.rect(0, this.stands - 1, this.canvas.width, this.canvas.height);
    paint.clip();
    paint.translate(0, 2 * this.stands);
    paint.scale(1, -1);
    paint.drawImage(this.mirror, this.x - air, this.y - air, canvas.width, canvas.height);
    paint.restore();
  }
}
