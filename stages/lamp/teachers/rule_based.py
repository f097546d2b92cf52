"""The offline teacher: answers a request from its meaning, by rules. The same request, the same answer.

Every answer keeps to the grammar's bounds: at most 12 steps named s1, s2, ..., and few elements.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .. import clock_face, font, notation, pixel_art
from ..color import BLACK, near, rgb
from ..program import GRID_HEIGHT, GRID_WIDTH, Body, Command, Element, Program, Step
from ..request import Meaning, Request
from ..taxonomy import Taxonomy

_TEMPO_SPEEDS = {
    "breathing": {"slow": 5000, "medium": 3000, "fast": 1000},
    "wave": {"slow": 5000, "medium": 2500, "fast": 800},
    "rainbow": {"slow": 6000, "medium": 3000, "fast": 1000},
    "pulse": {"slow": 2000, "medium": 1000, "fast": 400},
    "sparkle": {"slow": 300, "medium": 150, "fast": 80},
}
_SPARKLE_GROUND = "#191970"
_CELEBRATION = "sparkle FFD700 FF1493 100 0.4"
# Warm white going down to a glow, for falling asleep: each step about 3/5 of the one before.
_DIMMING = ("#FFA500", "#B87333", "#804000", "#4D2600", "#1F0F00")
_DEFAULT_TEXT_COLOR = "#FFFFFF"
_BAR_LINE = 12
_MINUTE = 60_000

_WEATHER: dict[str, str] = {
    "sunny": "rect 3 0 4 6 FFD700; rect 2 1 6 4 FFD700",
    "cloudy": "rect 1 2 8 3 C0C0C0; rect 3 1 4 1 C0C0C0",
    "rainy": "rect 1 1 8 3 808080; pixel 2 5 4169E1; pixel 5 5 4169E1; pixel 8 5 4169E1",
    "snowy": "rect 1 1 8 3 C0C0C0; pixel 2 5 FFFFFF; pixel 5 5 FFFFFF; pixel 8 5 FFFFFF",
    "stormy": "rect 1 0 8 3 808080; line 5 3 4 4 FFFF00; line 5 5 4 6 FFFF00",
}


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
            "pattern": self._pattern,
            "mood": self._mood,
            "scene": self._scene,
            "timer": self._timer,
            "pomodoro": self._pomodoro,
            "countdown": self._countdown,
            "dim": self._dim,
            "fade": self._fade,
            "cycle": self._cycle,
            "then": self._then,
            "off": self._off,
        }

    def answer(self, request: Request) -> Program:
        """The light program for a request. Its random draws hang on the seed and the request's id alone."""
        rng = random.Random(f"{self._seed}:{request['id']}")
        meaning = request["meaning"]
        return {"program": self._rules[meaning["intent"]](meaning, rng)}

    def _picture(self, meaning: Meaning, rng: random.Random) -> Body:
        name = meaning["object"].replace("_", " ")
        command = self._drawn(meaning)
        if meaning.get("motion") == "blinks":
            dark: Command = {"type": "pattern", "name": "solid", "params": {"color": BLACK}}
            return _looped(f"blinking {name}", [(command, 800), (dark, 400)])
        return _still(name, command)

    def _drawn(self, meaning: Meaning) -> Command:
        picture = self._taxonomy.pictures[meaning["object"]]
        if meaning.get("colors") and meaning["intent"] == "picture":
            picture = picture.recoloured(meaning["colors"][0])
        return {"type": "render", "elements": pixel_art.elements(picture, meaning.get("ground", BLACK))}

    def _clock(self, meaning: Meaning, rng: random.Random) -> Body:
        color = (meaning.get("colors") or [clock_face.RIM])[0]
        drawn = clock_face.elements(meaning["hour"], meaning["minute"], color)
        return _still(f"clock {meaning['hour']} {meaning['minute']:02}", {"type": "render", "elements": drawn})

    def _text(self, meaning: Meaning, rng: random.Random) -> Body:
        color = (meaning.get("colors") or [_DEFAULT_TEXT_COLOR])[0]
        name = meaning["text"].lower().replace(":", " ").strip()
        return _still(f"text {name}", _written(meaning["text"], color, meaning.get("ground", BLACK)))

    def _weather(self, meaning: Meaning, rng: random.Random) -> Body:
        sky = notation.command("draw fill 000040; " + _WEATHER[meaning["weather"]])
        assert sky["type"] == "render"
        degrees = str(meaning["number"])
        sky["elements"].append(_text_element(degrees, 8, _DEFAULT_TEXT_COLOR))
        return _still(f"{meaning['weather']} {degrees}", sky)

    def _pattern(self, meaning: Meaning, rng: random.Random) -> Body:
        kind, tempo = meaning["pattern"], meaning.get("tempo", "medium")
        command = _pattern(kind, meaning.get("colors", []), tempo)
        if kind == "pulse":
            # A pulse is one shot: looped, it goes on.
            return _looped("pulse", [(command, command["params"]["speed"])])  # type: ignore[typeddict-item]
        return _still(kind, command)

    def _mood(self, meaning: Meaning, rng: random.Random) -> Body:
        name = meaning["mood"]
        return _still(name, notation.command(rng.choice(self._taxonomy.moods[name].answers)))

    def _scene(self, meaning: Meaning, rng: random.Random) -> Body:
        answer = rng.choice(self._taxonomy.scenes[meaning["scene"]].answers)
        return _body(meaning["scene"].replace("_", " "), notation.steps(answer["steps"]), answer.get("loop"))

    def _timer(self, meaning: Meaning, rng: random.Random) -> Body:
        total = meaning["duration_ms"]
        phases = _phases(total)
        shown = []
        for number in range(phases):
            left = total - number * total // phases
            label = str(left // _MINUTE if total >= 2 * _MINUTE else left // 1000)
            command = _written(label, "#FFE4C4", BLACK, line=3)
            width = round(GRID_WIDTH * left / total)
            command["elements"].append(  # type: ignore[typeddict-item]
                {"type": "rect", "x": 0, "y": _BAR_LINE, "w": width, "h": 2, "color": "#00C800"}
            )
            shown.append((command, total // phases))
        return _finishing(f"timer {_span(total)}", shown, notation.command(_CELEBRATION))

    def _pomodoro(self, meaning: Meaning, rng: random.Random) -> Body:
        work, rest = meaning["work_ms"], meaning["break_ms"]
        shown = [
            (_written(_label(work), "#FFFFFF", "#800000"), work),
            (_written(_label(rest), "#FFFFFF", "#008B8B"), rest),
        ]
        body = _looped("pomodoro", shown)
        assert body["loop"] is not None
        body["loop"]["count"] = 4
        body["on_complete"] = {"command": notation.command(_CELEBRATION)}
        return body

    def _countdown(self, meaning: Meaning, rng: random.Random) -> Body:
        color = (meaning.get("colors") or [_DEFAULT_TEXT_COLOR])[0]
        return _finishing(
            f"countdown {meaning['number']}",
            _digits(meaning["number"], color),
            notation.command(_CELEBRATION),
        )

    def _dim(self, meaning: Meaning, rng: random.Random) -> Body:
        duration = meaning["duration_ms"] // len(_DIMMING)
        shown = [(_pattern("solid", [color], "slow"), duration) for color in _DIMMING]
        return _finishing(f"dim {_span(meaning['duration_ms'])}", shown, {"type": "stop"})

    def _fade(self, meaning: Meaning, rng: random.Random) -> Body:
        start, end = meaning["colors"]
        total = meaning.get("duration_ms", 8000)
        shown = [
            (_pattern("solid", [start], "slow"), total // 4),
            (_pattern("gradient", [start, end], "slow"), total // 4),
            (_pattern("gradient", [end, start], "slow"), total // 2),
        ]
        body = _finishing("fade", shown, _pattern("solid", [end], "slow"))
        return body

    def _cycle(self, meaning: Meaning, rng: random.Random) -> Body:
        return _looped("cycle", [(_pattern("solid", [color], "slow"), 2000) for color in meaning["colors"]])

    def _then(self, meaning: Meaning, rng: random.Random) -> Body:
        colors = meaning.get("colors", [])
        first = self._first(meaning)
        if meaning["second"] == "picture":
            last = self._drawn(meaning)
        elif meaning["second"] == "celebrate":
            last = notation.command(_CELEBRATION)
            if colors:
                last = _pattern("sparkle", [*colors, _celebration_ground(colors[0])], "fast")
        else:
            last = _pattern(meaning["second"], colors, "medium")
        steps = [_step(number, *shown) for number, shown in enumerate(first, start=1)]
        steps.append(_step(len(steps) + 1, last, None))
        return _body(f"{meaning['first']} then {meaning['second']}", steps)

    def _first(self, meaning: Meaning) -> list[tuple[Command, int]]:
        if meaning["first"] == "picture":
            return [(self._drawn(meaning), meaning.get("duration_ms", 5000))]
        if meaning["first"] == "text":
            return [(_written(meaning["text"], _DEFAULT_TEXT_COLOR, BLACK), 5000)]
        if meaning["first"] == "countdown":
            return _digits(meaning["number"], _DEFAULT_TEXT_COLOR)
        return [(_pattern("pulse", meaning["colors"], "medium"), _TEMPO_SPEEDS["pulse"]["medium"])]

    def _off(self, meaning: Meaning, rng: random.Random) -> Body:
        return _still("off", {"type": "stop"})


def _pattern(kind: str, colors: list[str], tempo: str) -> Command:
    params: dict[str, Any] = {}
    if kind != "rainbow":
        params["color"] = colors[0]
    if kind in ("gradient", "wave"):
        params["color2"] = colors[1] if len(colors) > 1 else BLACK
    if kind == "sparkle":
        params["bgColor"] = colors[1] if len(colors) > 1 else _SPARKLE_GROUND
    if kind in _TEMPO_SPEEDS:
        params["speed"] = _TEMPO_SPEEDS[kind][tempo]
    if kind == "sparkle":
        params["density"] = {"slow": 0.1, "medium": 0.2, "fast": 0.4}[tempo]
    return {"type": "pattern", "name": kind, "params": params}  # type: ignore[return-value,misc]


def _written(text: str, color: str, ground: str, line: int | None = None) -> Command:
    """Text on a ground: in one row where it fits, else in two."""
    rows = _text_rows(text)
    top = line if line is not None else (4 if len(rows) == 1 else 1)
    drawn: list[Element] = [{"type": "fill", "color": ground}]
    drawn += [_text_element(row, top + 7 * number, color) for number, row in enumerate(rows)]
    return {"type": "render", "elements": drawn}


def _text_rows(text: str) -> list[str]:
    if font.width(text) <= GRID_WIDTH:
        return [text]
    if ":" in text:
        return text.split(":")
    # Three characters are 11 columns wide: the last column is lost, which the eye forgives.
    if len(text) <= 3:
        return [text]
    half = (len(text) + 1) // 2
    return [text[:half], text[half:]]


def _text_element(text: str, y: int, color: str) -> Element:
    x = max(0, (GRID_WIDTH - font.width(text)) // 2)
    return {
        "type": "text",
        "content": text,
        "x": x,
        "y": min(y, GRID_HEIGHT - font.GLYPH_HEIGHT),
        "color": color,
    }


def _celebration_ground(color: str) -> str:
    """A bright ground that a colour stands out from."""
    return "#FFD700" if near(rgb(color), rgb("#FF1493"), 150) else "#FF1493"


def _digits(number: int, color: str) -> list[tuple[Command, int]]:
    return [(_written(str(left), color, BLACK), 1000) for left in range(number, 0, -1)]


def _phases(total: int) -> int:
    """How many parts a timer shows: five where whole minutes or seconds come out, else one a minute."""
    unit = _MINUTE if total >= 2 * _MINUTE else 1000
    return 5 if total // unit % 5 == 0 else total // unit if total // unit <= 12 else 4


def _span(total: int) -> str:
    return f"{total // _MINUTE} min" if total % _MINUTE == 0 else f"{total // 1000} s"


def _label(total: int) -> str:
    return str(total // _MINUTE)


def _step(number: int, command: Command, duration: int | None) -> Step:
    return {"id": f"s{number}", "command": command, "duration": duration}


def _body(name: str, steps: list[Step], loop: int | None = None) -> Body:
    body: Body = {"name": name, "steps": steps}
    if loop is not None:
        body["loop"] = {"count": loop, "start_step": steps[0]["id"], "end_step": steps[-1]["id"]}
    return body


def _still(name: str, command: Command) -> Body:
    return _body(name, [_step(1, command, None)])


def _looped(name: str, shown: list[tuple[Command, int]]) -> Body:
    return _body(name, [_step(number, *one) for number, one in enumerate(shown, start=1)], loop=0)


def _finishing(name: str, shown: list[tuple[Command, int]], final: Command) -> Body:
    body = _body(name, [_step(number, *one) for number, one in enumerate(shown, start=1)])
    body["on_complete"] = {"command": final}
    return body
