"""The offline teacher: answers a request from its meaning, by rules. The same request, the same answer.

Every answer keeps to the grammar's bounds: at most 12 steps named s1, s2, ..., and few elements.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from .. import clock_face, notation
from ..brief_change import off_change
from ..color import BLACK, dimmed, near, rgb
from ..lettering import written
from ..program import Body, Command, Program, Step, compact
from ..request import Meaning, Request
from ..taxonomy import Taxonomy, load
from ..validation import parse
from . import gauges, moods, sketches, timing
from .changes import changed

MAX_STEPS = 12
_MOST_BIG = 8  # numbers of big digits, which are drawn in several rectangles each
_SPARKLE_GROUND = "#191970"
_CELEBRATIONS = (
    *("sparkle FFD700 FF1493 100 0.4", "sparkle FFFF00 0000FF 80 0.4", "sparkle FFD700 8A2BE2 90 0.4"),
    *("sparkle 00FFFF FF1493 100 0.5", "wave FF1493 FFD700 600", "rainbow 800"),
)
# Of a text or a clock where no colour is said.
_TEXT_COLORS = ("#FFFFFF", "#FFE4C4", "#FFD700", "#00FFFF", "#FF69B4", "#A6FF00")
# What a picture stands on where nothing is said of it: the dark, or a hint of night or of warmth.
_PLAIN_GROUNDS = (
    *(BLACK, BLACK, "#000038", "#1F0F00", "#200020", "#001F1F", "#1F0010", "#101020", "#001F00", "#2A0000"),
    *("#1F1F00", "#001838", "#100030", "#002A1A", "#2A1A00"),
)
_APART = 75  # of a ground that nobody asked for from every colour on it
# How long a part of a sequence is shown when nothing is said of it, ms.
_PART_MS = (4000, 10_000, 2000)
_BLEND_MS = (4000, 8000, 1000)
_FADE_MS = (6000, 10_000, 2000)
_CYCLE_MS = (1000, 3000, 500)
_SCROLL_MS = (200, 400, 50)
_ON_MS, _OFF_MS = (400, 1000, 200), (300, 500, 100)
# Brightness of a ground that only gives a picture its mood: so dark that nobody takes it for a part of the picture.
_GROUND_SHARE = 0.2
_NOT_IN_NAMES = re.compile(r"[^a-z0-9 '-]+")
_NAME_LENGTH = 32
_TEST_COLOR = "#0000FF"

Shown = list[tuple[Command, int]]


@cache
def teacher(seed_folder: Path, seed: int) -> RuleBased:
    """The teacher over the words of a folder, one in each process."""
    return RuleBased(load(seed_folder), seed)


class RuleBased:
    """Answers requests by their meaning."""

    def __init__(self, taxonomy: Taxonomy, seed: int) -> None:
        self._taxonomy = taxonomy
        self._seed = seed
        self._rules: dict[str, Callable[[Meaning, random.Random], Body]] = {
            "picture": self._picture,
            "clock": self._clock,
            "text": self._text,
            "weather": self._weather,
            "status": self._status,
            "pattern": self._pattern,
            "blend": self._blend,
            "mood": self._mood,
            "scene": self._scene,
            "timer": self._timer,
            "pomodoro": self._pomodoro,
            "countdown": self._countdown,
            "dim": self._dim,
            "candle": self._candle,
            "fade": self._fade,
            "cycle": self._cycle,
            "then": self._then,
            "sequence": self._sequence,
            "off": self._off,
        }

    def answer(self, request: Request) -> Program:
        """The light program for a request. Its random draws hang on the seed and the request's id alone.

        With a program that is `running`, that program with what the request changes.
        """
        meaning = request["meaning"]
        if "running" in request:
            color = next(iter(meaning.get("colors", [])), None)
            return changed(parse(request["running"]), meaning["change"], color)
        return self._answer(meaning, random.Random(f"{self._seed}:{request['id']}"))

    def response(self, request: Any) -> str:
        """The answer to a row of prompts.jsonl, as compact JSON."""
        return compact(self.answer(request))

    def running(self, request: Any, number: int) -> str:
        """A program that may be running when a follow-up is said, as compact JSON; another one for each number."""
        rng = random.Random(f"{self._seed}:{request['id']}:running:{number}")
        return compact(self._running(request["meaning"]["change"], rng))

    def _running(self, change: str, rng: random.Random) -> Program:
        """A short program in which the change can be seen."""
        moving = change in ("slower", "faster", "calmer", "livelier", "still")
        names = [
            name
            for name, mood in self._taxonomy.moods.items()
            if "dark" not in mood.hues and not (change in ("faster", "livelier") and mood.tempo == "fast")
        ]
        while True:
            program = self._answer({"intent": "mood", "mood": rng.choice(names)}, rng)
            commands = [step["command"] for step in program["program"]["steps"]]
            if moving and not all(one["type"] == "pattern" and "speed" in one["params"] for one in commands):
                continue
            if any(one["type"] == "pattern" and one["name"] == "rainbow" for one in commands):
                continue
            meaning: Meaning = {"change": change, "colors": [_TEST_COLOR]}  # type: ignore[typeddict-item]
            new = changed(program, change, _TEST_COLOR)
            if new != program and not list(off_change(meaning, program, new)):
                return program

    def _answer(self, meaning: Meaning, rng: random.Random) -> Program:
        body = self._rules[meaning["intent"]](meaning, rng)
        if "title" in meaning:
            body["name"] = _name(meaning["title"])
        return {"program": body}

    def _picture(self, meaning: Meaning, rng: random.Random) -> Body:
        name = meaning["object"].replace("_", " ")
        picture = self._taxonomy.pictures[meaning["object"]]
        if meaning.get("colors") and meaning["intent"] == "picture":
            picture = picture.recoloured(meaning["colors"][0])
        ground = self._ground(meaning, picture.palette, rng)
        command = sketches.drawn(picture, ground, meaning.get("place"))
        if meaning.get("motion") == "blinks":
            return _looped(f"blinking {name}", _blinking(command, rng))
        if meaning.get("motion") == "sparkles":
            lights = [color for color in ("#FFFFFF", "#FFD700", "#00FFFF") if color not in picture.palette.values()]
            return _looped(f"twinkling {name}", sketches.twinkling(picture, ground, rng.choice(lights), rng))
        return _still(name, command)

    def _ground(self, meaning: Meaning, palette: dict[str, str], rng: random.Random) -> str:
        """What a picture stands on: what was said, else a dark shade of its mood, else the dark or nearly."""
        if "ground" in meaning:
            return meaning["ground"]
        if "mood" not in meaning:
            return _plain_ground(palette.values(), rng)
        shades = [dimmed(color, _GROUND_SHARE) for color in self._taxonomy.moods[meaning["mood"]].palette]
        apart = [shade for shade in shades if not any(near(rgb(shade), rgb(color), 110) for color in palette.values())]
        return rng.choice(apart) if apart else BLACK

    def _clock(self, meaning: Meaning, rng: random.Random) -> Body:
        color = (meaning.get("colors") or [rng.choice(_TEXT_COLORS)])[0]
        ground = _plain_ground([color, clock_face.HOUR_HAND, clock_face.MINUTE_HAND], rng)
        drawn = clock_face.elements(meaning["hour"], meaning["minute"], color, ground)
        return _still(f"clock {meaning['hour']} {meaning['minute']:02}", {"type": "render", "elements": drawn})

    def _text(self, meaning: Meaning, rng: random.Random) -> Body:
        text, ground = meaning["text"], meaning.get("ground", BLACK)
        color = (meaning.get("colors") or [_text_color(ground, rng)])[0]
        name = _name(f"text {text}")
        if meaning.get("motion") == "scrolls":
            return _looped(name, sketches.scrolling(text, color, ground, _draw(_SCROLL_MS, rng)))
        command = written(text, color, ground)
        if meaning.get("motion") == "blinks":
            return _looped(name, _blinking(command, rng))
        return _still(name, command)

    def _weather(self, meaning: Meaning, rng: random.Random) -> Body:
        return _still(
            f"{meaning['weather']} {meaning['number']}", gauges.weather(meaning["weather"], meaning["number"], rng)
        )

    def _status(self, meaning: Meaning, rng: random.Random) -> Body:
        kind, percent = meaning["status"], meaning["percent"]
        return _still(f"{kind} {percent}", gauges.status(kind, percent, next(iter(meaning.get("colors", [])), None)))

    def _pattern(self, meaning: Meaning, rng: random.Random) -> Body:
        kind = meaning["pattern"]
        command = self._patterned(meaning, rng)
        if kind == "pulse":
            # A pulse is one shot: looped, it goes on.
            return _looped("pulse", [(command, command["params"]["speed"])])  # type: ignore[typeddict-item]
        return _still(kind, command)

    def _patterned(self, meaning: Meaning, rng: random.Random) -> Command:
        kind, colors = meaning["pattern"], list(meaning.get("colors", []))
        if meaning.get("brightness") == "dim":
            colors = [dimmed(color, moods.DIM) for color in colors]
        if len(colors) < 2:
            colors.append(_SPARKLE_GROUND if kind == "sparkle" else BLACK)
        return moods.pattern(kind, colors, meaning.get("tempo", "medium"), rng)

    def _blend(self, meaning: Meaning, rng: random.Random) -> Body:
        first, second, third = meaning["colors"]
        lasts = _draw(_BLEND_MS, rng)
        pairs = ((first, second), (second, third))
        return _looped("blend", [(moods.pattern("gradient", [*pair], "slow", rng), lasts) for pair in pairs])

    def _mood(self, meaning: Meaning, rng: random.Random) -> Body:
        mood = self._taxonomy.moods[meaning["mood"]]
        steps, loop = moods.steps(mood, meaning.get("brightness"), rng)
        return _body(_name(meaning["mood"]), steps, loop)

    def _scene(self, meaning: Meaning, rng: random.Random) -> Body:
        answer = rng.choice(self._taxonomy.scenes[meaning["scene"]].answers)
        steps = notation.steps(answer["steps"], rng, self._taxonomy.pictures)
        return _body(_name(meaning["scene"]), steps, answer.get("loop"))

    def _timer(self, meaning: Meaning, rng: random.Random) -> Body:
        total = meaning["duration_ms"]
        return _finishing(f"timer {timing.span(total)}", timing.timer(total, rng), _celebration(rng))

    def _pomodoro(self, meaning: Meaning, rng: random.Random) -> Body:
        body = _looped("pomodoro", timing.pomodoro(meaning["work_ms"], meaning["break_ms"], rng))
        assert body["loop"] is not None
        body["loop"]["count"] = 4
        body["on_complete"] = {"command": _celebration(rng)}
        return body

    def _countdown(self, meaning: Meaning, rng: random.Random) -> Body:
        color = (meaning.get("colors") or [_text_color(BLACK, rng)])[0]
        big = meaning.get("place") == "big" and meaning["number"] <= _MOST_BIG
        shown = timing.countdown(meaning["number"], color, rng, big)
        return _finishing(f"countdown {meaning['number']}", shown, _celebration(rng))

    def _dim(self, meaning: Meaning, rng: random.Random) -> Body:
        total = meaning["duration_ms"]
        return _finishing(f"dim {timing.span(total)}", timing.dimming(total, rng), {"type": "stop"})

    def _candle(self, meaning: Meaning, rng: random.Random) -> Body:
        total = meaning["duration_ms"]
        return _finishing(f"candle {timing.span(total)}", timing.candle(total, rng), {"type": "stop"})

    def _fade(self, meaning: Meaning, rng: random.Random) -> Body:
        start, end = meaning["colors"]
        total = meaning.get("duration_ms") or _draw(_FADE_MS, rng)
        shown: Shown = [
            (_plain("solid", start), total // 4),
            (_plain("gradient", start, end), total // 4),
            (_plain("gradient", end, start), total // 2),
        ]
        return _finishing("fade", shown, _plain("solid", end))

    def _cycle(self, meaning: Meaning, rng: random.Random) -> Body:
        lasts = _draw(_CYCLE_MS, rng)
        return _looped("cycle", [(_plain("solid", color), lasts) for color in meaning["colors"]])

    def _then(self, meaning: Meaning, rng: random.Random) -> Body:
        colors = meaning.get("colors", [])
        first = self._first(meaning, rng)
        if meaning["second"] == "picture":
            last = self._picture(meaning, rng)["steps"][0]["command"]
        elif meaning["second"] == "celebrate":
            last = _celebration(rng)
            if colors:
                last = moods.pattern("sparkle", [*colors, _celebration_ground(colors[0])], "fast", rng)
        else:
            last = self._patterned({**meaning, "pattern": meaning["second"]}, rng)
        steps = sketches.numbered(first)
        steps.append({"id": f"s{len(steps) + 1}", "command": last, "duration": None})
        return _body(f"{meaning['first']} then {meaning['second']}", steps)

    def _first(self, meaning: Meaning, rng: random.Random) -> Shown:
        if meaning["first"] == "picture":
            return [(self._picture(meaning, rng)["steps"][0]["command"], meaning.get("duration_ms", 5000))]
        if meaning["first"] == "text":
            return [(written(meaning["text"], _text_color(BLACK, rng), BLACK), 5000)]
        if meaning["first"] == "countdown":
            return timing.countdown(meaning["number"], _text_color(BLACK, rng), rng)
        flash = moods.pattern("pulse", meaning["colors"], "medium", rng)
        return [(flash, flash["params"]["speed"])]  # type: ignore[typeddict-item]

    def _sequence(self, meaning: Meaning, rng: random.Random) -> Body:
        """The parts one behind the other; only the last may go on for ever."""
        steps: list[Step] = []
        parts = meaning["parts"]
        names = []
        for number, part in enumerate(parts, start=1):
            # The first step of a mood that drifts is that mood by itself: the others would be taken for what follows.
            brief = part["intent"] == "mood" and number < len(parts)
            body = self._part(part, 1 if brief else MAX_STEPS - len(steps) - (len(parts) - number), rng)
            names.append(body["name"])
            own = body["steps"]
            first = len(steps) + 1
            for step in own:
                lasts = step["duration"]
                if number < len(parts):
                    lasts = part.get("duration_ms", lasts) if len(own) == 1 else lasts
                    lasts = lasts or _draw(_PART_MS, rng)
                steps.append({**step, "id": f"s{len(steps) + 1}", "duration": lasts})
        whole = _body(_name(" then ".join(names)), steps)
        if body.get("loop") is not None:
            whole["loop"] = {"count": 0, "start_step": f"s{first}", "end_step": steps[-1]["id"]}
        elif steps[-1]["duration"] is not None and body.get("on_complete"):
            whole["on_complete"] = body["on_complete"]
        return whole

    def _part(self, part: Meaning, room: int, rng: random.Random) -> Body:
        """A part's own answer, in at most `room` steps: drawn again until it is that short."""
        for _ in range(64):
            body = self._answer(part, rng)["program"]
            if len(body["steps"]) <= room:
                return body
        raise ValueError(f"no answer to {part} in {room} steps")

    def _off(self, meaning: Meaning, rng: random.Random) -> Body:
        return _still("off", {"type": "stop"})


def _plain(name: str, *colors: str) -> Command:
    params = dict(zip(("color", "color2"), colors, strict=False))
    return {"type": "pattern", "name": name, "params": params}  # type: ignore[return-value,misc]


def _celebration(rng: random.Random) -> Command:
    return notation.command(rng.choice(_CELEBRATIONS))


def _plain_ground(colors: Iterable[str], rng: random.Random) -> str:
    """A ground where none is said: one that all colours on it stand out from."""
    shown = [rgb(color) for color in colors]
    apart = [ground for ground in _PLAIN_GROUNDS if not any(near(rgb(ground), one, _APART) for one in shown)]
    return rng.choice(apart or [BLACK])


def _text_color(ground: str, rng: random.Random) -> str:
    """A colour for a text where none is said: one that stands out from its ground."""
    return rng.choice([color for color in _TEXT_COLORS if not near(rgb(color), rgb(ground), 150)])


def _blinking(command: Command, rng: random.Random) -> Shown:
    return sketches.blinking(command, _draw(_ON_MS, rng), _draw(_OFF_MS, rng))


def _celebration_ground(color: str) -> str:
    """A bright ground that a colour stands out from."""
    return "#FFD700" if near(rgb(color), rgb("#FF1493"), 150) else "#FF1493"


def _draw(span: tuple[int, int, int], rng: random.Random) -> int:
    first, last, unit = span
    return rng.randrange(first, last + 1, unit)


def _name(text: str) -> str:
    """A program's name as the grammar has it: small letters, digits, spaces, apostrophes and hyphens."""
    plain = _NOT_IN_NAMES.sub(" ", text.lower().replace("_", " "))
    return " ".join(plain.split()).lstrip("'-")[:_NAME_LENGTH].rstrip() or "light"


def _body(name: str, steps: list[Step], loop: int | None = None) -> Body:
    body: Body = {"name": name, "steps": steps}
    if loop is not None:
        body["loop"] = {"count": loop, "start_step": steps[0]["id"], "end_step": steps[-1]["id"]}
    return body


def _still(name: str, command: Command) -> Body:
    return _body(name, [{"id": "s1", "command": command, "duration": None}])


def _looped(name: str, shown: Shown) -> Body:
    return _body(name, sketches.numbered(shown), loop=0)


def _finishing(name: str, shown: Shown, final: Command) -> Body:
    body = _body(name, sketches.numbered(shown))
    body["on_complete"] = {"command": final}
    return body
