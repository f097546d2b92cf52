// What the lamp shows at any instant: simulator.py and the time-lapse of moments.py, for the browser.
//
// tests/lamp/test_gallery_simulator.py compares it with them frame by frame. What Python defines (the font, what
// the firmware assumes for missing parameters, sizes, the length of a tick) comes in as `device`.
"use strict";

function simulator(device) {
  const { width, height, leds, tick_ms: TICK, defaults, glyphs, widths, gap } = device;
  const front = width * height;
  const TURN = 2 * Math.PI;

  // Which command plays when -----------------------------------------------------------------------------------

  /** Steps that play `plays` times (0: for ever) from `begin` ms. */
  class Passage {
    constructor(steps, begin, plays) {
      this.commands = steps.map((step) => step.command);
      this.durations = steps.map((step) => step.duration);
      this.starts = [];
      this.period = 0;
      for (const duration of this.durations) {
        this.starts.push(this.period);
        this.period += duration ?? 0;
      }
      // Only a program's last step may stay for ever. It then does so the first time round.
      this.stays = this.durations.at(-1) === null;
      this.plays = this.stays ? 1 : plays;
      this.begin = begin;
      this.end = this.stays || plays === 0 ? null : begin + this.period * plays;
    }

    at(t) {
      let offset = t - this.begin;
      if (!this.stays) offset %= this.period;
      let index = this.starts.length - 1;
      while (this.starts[index] > offset) index -= 1;
      return { command: this.commands[index], elapsed: offset - this.starts[index] };
    }

    /** The last command, running on behind the end. */
    after(t) {
      const begin = this.begin + this.period * (this.plays - 1) + this.starts.at(-1);
      return { command: this.commands.at(-1), elapsed: t - begin };
    }

    *turn(number) {
      const begin = this.begin + number * this.period;
      for (const [index, command] of this.commands.entries()) {
        yield { begin: begin + this.starts[index], duration: this.durations[index], command };
      }
    }
  }

  class Schedule {
    /** total: when the last timed step ends (ms); null when that never happens. */
    constructor(program) {
      const body = program.program;
      this.passages = [];
      this.total = null;
      let begin = 0;
      for (const [steps, plays] of stretches(body)) {
        const passage = new Passage(steps, begin, plays);
        this.passages.push(passage);
        this.total = passage.end;
        if (passage.end === null) break; // what follows is never reached
        begin = passage.end;
      }
      this.complete = body.on_complete ? body.on_complete.command : null;
    }

    /** The command that plays `t` ms after the program began, and for how long (ms) it has been playing. */
    at(t) {
      for (const passage of this.passages) {
        if (passage.end === null || t < passage.end) return passage.at(t);
      }
      if (this.complete === null || this.total === null) return this.passages.at(-1).after(t);
      return { command: this.complete, elapsed: t - this.total };
    }

    /** Commands in playing order; `once`: of a loop only the first time round. */
    *played(once) {
      for (const passage of this.passages) {
        const turns = once ? 1 : passage.plays || Infinity;
        for (let turn = 0; turn < turns; turn += 1) yield* passage.turn(turn);
      }
      if (this.complete !== null && this.total !== null) {
        yield { begin: this.total, duration: null, command: this.complete };
      }
    }
  }

  /** The steps before, in and behind the loop, and how often each stretch plays (0: for ever). */
  function stretches(body) {
    const { steps, loop } = body;
    if (!loop) return [[steps, 1]];
    const ids = steps.map((step) => step.id);
    const first = ids.indexOf(loop.start_step);
    const behind = ids.indexOf(loop.end_step) + 1;
    const parts = [
      [steps.slice(0, first), 1],
      [steps.slice(first, behind), loop.count],
      [steps.slice(behind), 1],
    ];
    return parts.filter(([part]) => part.length);
  }

  // Colours ----------------------------------------------------------------------------------------------------

  const known = new Map();

  /** [red, green, blue, alpha], 0-255 each. */
  function rgba(color) {
    let found = known.get(color);
    if (!found) {
      const digits = color.length > 4 ? color.slice(1) : [...color.slice(1)].map((digit) => digit + digit).join("");
      const levels = digits.match(/../g).map((pair) => parseInt(pair, 16));
      found = levels.length === 4 ? levels : [...levels, 255];
      known.set(color, found);
    }
    return found;
  }

  const over = (below, above, alpha) => Math.floor((above * alpha + below * (255 - alpha) + 127) / 255);

  /** The levels of a colour over the dark lamp. */
  function light(color) {
    const [red, green, blue, alpha] = rgba(color);
    return [over(0, red, alpha), over(0, green, alpha), over(0, blue, alpha)];
  }

  const level = (exact) => Math.floor(exact + 0.5);

  // Patterns: (parameters with defaults filled in, ms since the start in whole ticks, seed, frame to fill) ---------

  function uniform(shown, color, share) {
    const levels = color.map((channel) => level(channel * share));
    for (let led = 0; led < leds; led += 1) shown.set(levels, 3 * led);
  }

  function mixed(shown, led, first, second, weight) {
    for (let channel = 0; channel < 3; channel += 1) {
      shown[3 * led + channel] = level(first[channel] + (second[channel] - first[channel]) * weight);
    }
  }

  const turned = (params, t) => (t % params.speed) / params.speed;

  const patterns = {
    solid(params, t, seed, shown) {
      uniform(shown, light(params.color), 1);
    },

    gradient(params, t, seed, shown) {
      const centre = light(params.color);
      const edge = light(params.color2);
      const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
      const corner = Math.hypot(middleY, middleX);
      for (let led = 0; led < leds; led += 1) {
        const [x, y] = [led % width, Math.floor(led / width)];
        mixed(shown, led, centre, edge, led < front ? Math.hypot(y - middleY, x - middleX) / corner : 1);
      }
    },

    breathing(params, t, seed, shown) {
      const swing = (Math.sin(TURN * turned(params, t)) + 1) / 2;
      uniform(shown, light(params.color), 0.3 + 0.7 * swing);
    },

    wave(params, t, seed, shown) {
      const first = light(params.color);
      const second = light(params.color2);
      const phase = TURN * turned(params, t);
      for (let led = 0; led < leds; led += 1) {
        const weight = led < front ? (Math.sin(phase + 0.5 * Math.floor(led / width)) + 1) / 2 : 0.5;
        mixed(shown, led, first, second, weight);
      }
    },

    rainbow(params, t, seed, shown) {
      const base = turned(params, t);
      for (let led = 0; led < leds; led += 1) {
        const inFront = led < front;
        const offset = inFront ? (0.3 * Math.floor(led / width)) / height + (0.1 * (led % width)) / width : 0;
        const lightness = inFront ? 0.6 : 0.5;
        const amplitude = 255 * (inFront ? 0.8 : 0.7) * Math.min(lightness, 1 - lightness);
        // HSL to RGB, as in CSS.
        for (const [channel, place] of [0, 8, 4].entries()) {
          const k = (12 * (offset + base) + place) % 12;
          const ramp = Math.max(-1, Math.min(1, k - 3, 9 - k));
          shown[3 * led + channel] = level(255 * lightness - amplitude * ramp);
        }
      }
    },

    pulse(params, t, seed, shown) {
      const gone = t / params.speed;
      uniform(shown, light(params.color), gone < 0.2 ? gone / 0.2 : Math.max(0, (1 - gone) / 0.8));
    },

    sparkle(params, t, seed, shown) {
      uniform(shown, light(params.bgColor), 1);
      const color = light(params.color);
      const tick = Math.floor(t / params.speed);
      for (let led = 0; led < front; led += 1) {
        if (sparkles(led, tick, params.density, seed)) shown.set(color, 3 * led);
      }
    },
  };

  const WORD = 2 ** 32;

  /** Whether an LED is lit after `tick`: its latest event, a lighting or a reset, decides. */
  function sparkles(led, tick, density, seed) {
    const litBelow = Math.trunc(density * WORD);
    const eventBelow = Math.trunc((density + (1 - density) * 0.3) * WORD);
    for (let each = tick; each >= 0; each -= 1) {
      const draw = scrambled(scrambled((each + seedWord(seed)) >>> 0) ^ scrambled((led + 0x9e3779b9) >>> 0));
      if (draw < eventBelow) return draw < litBelow;
    }
    return false;
  }

  function seedWord(seed) {
    const high = Math.floor(seed / WORD) % WORD;
    return scrambled((scrambled(seed % WORD) + high) >>> 0);
  }

  /** "lowbias32" of https://nullprogram.com/blog/2018/07/31/ */
  function scrambled(word) {
    word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
    return (word ^ (word >>> 16)) >>> 0;
  }

  // Pictures ---------------------------------------------------------------------------------------------------

  function render(elements, shown) {
    for (const element of elements) {
      const [red, green, blue, alpha] = rgba(element.color);
      for (const [x, y] of cells(element)) {
        if (x < 0 || x >= width || y < 0 || y >= height) continue;
        const at = 3 * (y * width + x);
        shown[at] = over(shown[at], red, alpha);
        shown[at + 1] = over(shown[at + 1], green, alpha);
        shown[at + 2] = over(shown[at + 2], blue, alpha);
      }
    }
  }

  /** The cells that an element covers, each once. */
  function cells(element) {
    if (element.type === "pixel") return [[element.x, element.y]];
    if (element.type === "fill") return block(0, 0, width, height);
    if (element.type === "rect") return block(element.x, element.y, element.w, element.h);
    if (element.type === "line") return line(element.x1, element.y1, element.x2, element.y2);
    return letters(element.content, element.x, element.y);
  }

  function block(left, top, across, down) {
    const found = [];
    for (let y = top; y < top + down; y += 1) for (let x = left; x < left + across; x += 1) found.push([x, y]);
    return found;
  }

  function letters(content, left, top) {
    const found = [];
    for (const letter of content.toUpperCase()) {
      for (const [x, y] of glyphs[letter] ?? []) found.push([left + x, top + y]);
      left += (widths[letter] ?? 3) + gap;
    }
    return found;
  }

  /** Bresenham's line, both ends included. */
  function line(x, y, x2, y2) {
    const [across, down] = [Math.abs(x2 - x), Math.abs(y2 - y)];
    const [right, below] = [x < x2 ? 1 : -1, y < y2 ? 1 : -1];
    let error = across - down;
    const found = [[x, y]];
    while (x !== x2 || y !== y2) {
      const doubled = 2 * error;
      if (doubled > -down) [error, x] = [error - down, x + right];
      if (doubled < across) [error, y] = [error + across, y + below];
      found.push([x, y]);
    }
    return found;
  }

  // Frames and time-lapse --------------------------------------------------------------------------------------

  /** The 3 x 172 levels that the lamp shows `elapsed` ms after `command` began. */
  function frame(command, elapsed, seed = 0) {
    const shown = new Uint8ClampedArray(3 * leds);
    if (command.type === "pattern") {
      const params = { ...defaults[command.name], ...command.params };
      patterns[command.name](params, elapsed - (elapsed % TICK), seed, shown);
    } else if (command.type === "render") {
      render(command.elements, shown);
    }
    return shown;
  }

  /** Instants (ms) that, shown `fps` a second, let all of a program be seen in at most `seconds`. */
  function timeline(schedule, seconds, fps) {
    const budget = seconds * 1000;
    const inFull = schedule.total !== null && schedule.total <= budget;
    const played = [];
    for (const segment of schedule.played(!inFull)) {
      if (played.push(segment) > budget) break;
    }
    const hold = played.length === 1 ? budget : budget / 4;
    const lengths = cut(played.map((segment) => segment.duration ?? hold), budget);
    const only = speed(played[0].command);
    // Whole turns can be repeated without a seam.
    if (played.length === 1 && only > 0 && only <= lengths[0] && !inFull) lengths[0] -= lengths[0] % only;
    const instants = [];
    let end = 0;
    for (const [index, { begin, duration, command }] of played.entries()) {
      const first = end;
      end += lengths[index];
      const turn = command.name === "sparkle" ? 0 : speed(command);
      const pace = Math.max(1, Math.min(turn, duration || turn) / lengths[index]);
      for (let at; (at = (instants.length * 1000) / fps) < end; ) {
        instants.push(begin + Math.trunc((at - first) * pace));
      }
    }
    return instants;
  }

  /** Lengths, the longest of them cut so that the sum is at most `budget`. */
  function cut(lengths, budget) {
    let left = budget;
    for (const [number, length] of [...lengths].sort((one, other) => one - other).entries()) {
      const share = left / (lengths.length - number);
      if (length > share) return lengths.map((each) => Math.min(each, share));
      left -= length;
    }
    return lengths;
  }

  /** The ms of a turn of a moving pattern, of a tick of sparkle; 0 for what stands still. */
  function speed(command) {
    if (command.type !== "pattern" || !("speed" in defaults[command.name])) return 0;
    return command.params.speed ?? defaults[command.name].speed;
  }

  return { Schedule, frame, timeline };
}

if (typeof module !== "undefined") module.exports = { simulator };
