"""Is an answer on brief? Programmatic checks of a valid program against what its request means.

Every check looks at what the lamp would show (simulated frames, playing times) rather than at how the
program is written; only text and a pattern's name are read from the program. An empty list is a pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from . import font
from .color import family, near, rgb
from .film import Film, Shot, front, shifted, watch
from .pixel_art import Cell
from .program import PATTERN_DEFAULTS, Command, Element, Program
from .request import Meaning
from .resemblance import COLOR_SHARE, EVERYWHERE, SAME_COLOR, mostly, shows_clock, shows_picture
from .taxonomy import Taxonomy

_HUE_SHARE = 0.6
_SHOWN_SHARE = 0.04
_TIME_TOLERANCE = 0.02
_VISIBLE_SHARE = 0.8
_BRIGHT = 96
_AMBER = ("orange", "yellow")
# Fastest `slow` and slowest `fast`, ms per turn.
_SLOW = {"breathing": 3000, "wave": 3000, "rainbow": 4000, "pulse": 1200, "sparkle": 200}
_FAST = {"breathing": 1500, "wave": 1500, "rainbow": 1500, "pulse": 700, "sparkle": 120}

Reasons = Iterator[str]
Check = Callable[[Meaning, Film, Taxonomy], Reasons]


def off_brief(meaning: Meaning, program: Program, taxonomy: Taxonomy) -> list[str]:
    """The reasons why a valid program is not what was asked for; empty when it is."""
    return list(_CHECKS[meaning["intent"]](meaning, watch(program), taxonomy))


def _picture(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from shows_picture(meaning, film.shots[0], taxonomy)
    if meaning.get("motion") == "blinks":
        if len(film.shots) < 2 or film.shots[1].light > film.shots[0].light / 2:
            yield "the picture does not go off and on"
        if not film.repeats:
            yield "the blinking ends"


def _text(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from _shows_text(meaning["text"], film.shots[0])
    texts = _texts(film.shots[0])
    if meaning.get("colors") and not all(near(rgb(text["color"]), rgb(meaning["colors"][0])) for text in texts):
        yield f"the text is not {meaning['colors'][0]}"
    if "ground" in meaning:
        rows = front(film.shots[0].frames[0])
        yield from mostly(rows, EVERYWHERE - _text_cells(texts), meaning["ground"], "the ground")


def _texts(shot: Shot) -> list[Element]:
    if shot.command["type"] != "render":
        return []
    return [element for element in shot.command["elements"] if element["type"] == "text"]


def _text_cells(texts: list[Element]) -> frozenset[Cell]:
    cells: set[Cell] = set()
    for text in texts:
        assert text["type"] == "text"
        cells |= {(text["x"] + x, text["y"] + y) for x, y in font.lit_cells(text["content"])}
    return frozenset(cells)


def _shows_text(text: str, shot: Shot) -> Reasons:
    texts = _texts(shot)
    rows_of_text = [element["content"] for element in texts if element["type"] == "text"]
    # Hours and minutes in two rows need no colon between them.
    if _letters(text) not in (_letters("".join(rows_of_text)), _letters(":".join(rows_of_text))):
        yield f"says {' '.join(rows_of_text)!r} instead of {text!r}"
        return
    cells = _text_cells(texts)
    visible = shifted(cells, (0, 0))
    rows = front(shot.frames[0])
    x, y = min(visible, default=(0, 0))
    beside = rows[y][x - 1] if x else rows[y - 1][x]
    if len(visible) < _VISIBLE_SHARE * len(cells):
        yield f"only {len(visible)} of {len(cells)} LEDs of {text!r} are in the grid"
    elif (x - 1, y) not in visible and any(near(rows[row][column], beside, 48) for column, row in visible):
        yield f"{text!r} does not stand out from its ground"


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character != " ")


def _weather(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    shot = film.shots[0]
    yield from _shows_text(str(meaning["number"]), shot)
    rows = front(shot.frames[0])
    hidden = _text_cells(_texts(shot))
    bright = [
        color
        for y, row in enumerate(rows)
        for x, color in enumerate(row)
        if (x, y) not in hidden and max(color) >= _BRIGHT
    ]
    shown = [family(color) for color in bright]
    white = sum(near(color, (255, 255, 255), SAME_COLOR) for color in bright)
    pale, yellow = shown.count("grey") + shown.count("white"), shown.count("yellow") + shown.count("orange")
    drawn = {
        "sunny": yellow >= 6,
        "cloudy": pale >= 8,
        "rainy": pale >= 6 and "blue" in shown,
        "snowy": pale >= 6 and 0 < white < pale,
        "stormy": pale >= 6 and yellow >= 2,
    }
    if not drawn[meaning["weather"]]:
        yield f"does not look {meaning['weather']}"


def _pattern(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from _plays_pattern(meaning["pattern"], meaning, film.shots[0])
    if meaning["pattern"] == "pulse" and not film.repeats:
        yield "it pulses only once"


def _plays_pattern(kind: str, meaning: Meaning, shot: Shot) -> Reasons:
    command = shot.command
    if command["type"] != "pattern" or command["name"] != kind:
        yield f"plays {command['name'] if command['type'] == 'pattern' else command['type']}, not {kind}"
        return
    params: dict[str, Any] = {**PATTERN_DEFAULTS[kind], **command["params"]}
    shown = [value for key, value in params.items() if key in ("color", "color2", "bgColor")]
    for asked, color in zip(meaning.get("colors", []), shown, strict=False):
        if not near(rgb(asked), rgb(str(color))):
            yield f"{color} instead of {asked}"
    speed = int(params.get("speed", 0))
    if meaning.get("tempo") == "slow" and kind in _SLOW and speed < _SLOW[kind]:
        yield f"a turn of {speed} ms is not slow"
    if meaning.get("tempo") == "fast" and kind in _FAST and speed > _FAST[kind]:
        yield f"a turn of {speed} ms is not fast"


def _mood(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    mood = taxonomy.moods[meaning["mood"]]
    yield from _keeps_to(mood.hues, film)
    if mood.tempo == "slow":
        yield from _is_slow(film)
    if mood.tempo == "fast":
        yield from _is_fast(film)


def _keeps_to(hues: frozenset[str], film: Film) -> Reasons:
    if "any" in hues:
        return
    lit = {name: share for name, share in film.families.items() if name != "dark" or "dark" in hues}
    fitting = sum(share for name, share in lit.items() if name in hues)
    if fitting < _HUE_SHARE * sum(lit.values()) or not fitting:
        yield f"shows {max(lit, key=lambda name: lit[name], default='nothing')}, not mostly {', '.join(sorted(hues))}"


def _speed(command: Command) -> tuple[str, int] | None:
    """The name and speed (ms) of a pattern that has a speed."""
    if command["type"] != "pattern" or command["name"] not in _SLOW:
        return None
    params: dict[str, Any] = {**PATTERN_DEFAULTS[command["name"]], **command["params"]}
    return command["name"], int(params["speed"])


def _is_slow(film: Film) -> Reasons:
    for shot in film.shots:
        moving = _speed(shot.command)
        if moving and moving[1] < _SLOW[moving[0]]:
            yield f"{moving[0]} at {moving[1]} ms is not slow"
        if shot.duration_ms is not None and shot.duration_ms < 2000:
            yield f"a step of {shot.duration_ms} ms is not slow"


def _is_fast(film: Film) -> Reasons:
    quick_steps = len(film.shots) > 1 and any(0 < (shot.duration_ms or 0) <= 1000 for shot in film.shots)
    speeds = [_speed(shot.command) for shot in film.shots]
    if not quick_steps and not any(moving and moving[1] <= _FAST[moving[0]] for moving in speeds):
        yield "nothing in it is fast"


def _scene(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    expect = taxonomy.scenes[meaning["scene"]].expect
    if "hues" in expect:
        yield from _keeps_to(frozenset(expect["hues"]), film)
    for wanted in expect.get("shows", ()):
        if film.families.get(wanted, 0) < _SHOWN_SHARE:
            yield f"shows no {wanted}"
    colors = [name for name, share in film.families.items() if share >= _SHOWN_SHARE and name not in ("dark", "grey")]
    if len(colors) < expect.get("colorful", 0):
        yield f"has only {len(colors)} colours, at least {expect['colorful']} are wanted"
    if expect.get("moves") and not film.moves:
        yield "nothing moves"
    if expect.get("slow"):
        yield from _is_slow(film)
    if expect.get("fast"):
        yield from _is_fast(film)
    if expect.get("flashes") and not any(map(_is_flash, film.shots)):
        yield "no flash of lightning"
    if expect.get("brightens"):
        yield from _trend(film, rising=True)
    if expect.get("dims"):
        yield from _trend(film, rising=False)
    if "order" in expect:
        yield from _in_order(expect["order"], film)
    if not film.repeats and film.timed_ms < expect.get("min_ms", 0):
        yield f"changes for {film.timed_ms} ms, at least {expect['min_ms']} are wanted"


def _is_flash(shot: Shot) -> bool:
    return shot.duration_ms is not None and shot.duration_ms <= 1000 and shot.brightest > 0.5


def _trend(film: Film, rising: bool) -> Reasons:
    lights = [shot.light if rising else -shot.light for shot in film.shots]
    if len(lights) < 2 or lights[-1] - lights[0] < 0.1:
        yield f"does not get {'brighter' if rising else 'darker'}"
    elif any(after < before - 0.05 for before, after in itertools.pairwise(lights)):
        yield f"does not get steadily {'brighter' if rising else 'darker'}"


def _in_order(order: list[str], film: Film) -> Reasons:
    shown = []
    for shot in film.shots:
        lit = [family(color) for row in front(shot.frames[0]) for color in row]
        signals = {name: lit.count(name) for name in ("red", "green")}
        signals["amber"] = sum(lit.count(name) for name in _AMBER)
        lights = [name for name, count in signals.items() if count >= 4]
        shown.append("+".join(lights))
    if not any(shown[turn:] + shown[:turn] == order for turn in range(len(shown))):
        yield f"shows {', '.join(shown)} instead of {', '.join(order)}"
    if not film.repeats:
        yield "does not go on"


def _timer(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from _lasts(meaning["duration_ms"], film)
    if sum(shot.duration_ms is not None for shot in film.shots) < 2:
        yield "nothing shows that time passes"


def _lasts(wanted: int, film: Film) -> Reasons:
    if film.total_ms is None:
        yield "never ends"
    elif abs(film.total_ms - wanted) > _TIME_TOLERANCE * wanted:
        yield f"lasts {film.total_ms} ms instead of {wanted}"


def _pomodoro(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    work, rest = meaning["work_ms"], meaning["break_ms"]
    ends = [shot.start_ms + shot.duration_ms for shot in film.shots if shot.duration_ms is not None]
    for wanted, what in ((work, "work"), (work + rest, "break")):
        if not any(abs(end - wanted) <= _TIME_TOLERANCE * wanted for end in ends):
            yield f"no {what} ends after {wanted} ms"


def _countdown(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from _counts_down(meaning["number"], film, meaning.get("colors", []))


def _counts_down(number: int, film: Film, colors: list[str]) -> Reasons:
    for left, shot in zip(range(number, 0, -1), film.shots, strict=False):
        yield from _shows_text(str(left), shot)
        if shot.duration_ms is None or not 800 <= shot.duration_ms <= 1200:
            yield f"{left} is shown for {shot.duration_ms} ms instead of a second"
        if colors and not all(near(rgb(text["color"]), rgb(colors[0])) for text in _texts(shot)):
            yield f"{left} is not {colors[0]}"
    if len(film.shots) < number:
        yield f"has {len(film.shots)} steps for {number} numbers"


def _dim(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from _lasts(meaning["duration_ms"], film)
    lights = [shot.light for shot in film.shots]
    if any(after > before for before, after in itertools.pairwise(lights)):
        yield "gets brighter on the way"
    if lights[-1] > 0.02:
        yield "does not end dark"
    if len(lights) < 3:
        yield "does not dim in steps"


def _fade(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    start, end = meaning["colors"]
    for color, shot, where in ((start, film.shots[0], "starts"), (end, film.shots[-1], "ends")):
        rows = front(shot.frames[0])
        if sum(near(cell, rgb(color)) for row in rows for cell in row) < COLOR_SHARE * 140:
            yield f"{where} in another colour than {color}"
    if len(film.shots) < 3:
        yield "jumps instead of fading"
    if "duration_ms" in meaning:
        wanted, begins = meaning["duration_ms"], film.shots[-1].start_ms
        if abs(begins - wanted) > _TIME_TOLERANCE * wanted:
            yield f"is there after {begins} ms instead of {wanted}"


def _cycle(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    if len(film.shots) != len(meaning["colors"]):
        yield f"has {len(film.shots)} steps for {len(meaning['colors'])} colours"
    for color, shot in zip(meaning["colors"], film.shots, strict=False):
        rows = front(shot.frames[0])
        if sum(near(cell, rgb(color)) for row in rows for cell in row) < COLOR_SHARE * 140:
            yield f"{color} is missing or out of turn"
    if not film.repeats:
        yield "does not go on"


def _then(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    first, last = film.shots[0], film.shots[-1]
    if first is last:
        yield "nothing follows"
        return
    if meaning["first"] == "picture":
        yield from shows_picture(meaning, first, taxonomy)
        if "duration_ms" in meaning and first.duration_ms != meaning["duration_ms"]:
            yield f"the picture stays {first.duration_ms} ms instead of {meaning['duration_ms']}"
    if meaning["first"] == "text":
        yield from _shows_text(meaning["text"], first)
    if meaning["first"] == "countdown":
        yield from _counts_down(meaning["number"], film, [])
    if meaning["first"] == "flash":
        yield from _shows_color(meaning["colors"][0], first)
    if meaning["second"] == "picture":
        yield from shows_picture(meaning, last, taxonomy)
    elif meaning["second"] == "celebrate":
        if not last.moves:
            yield "it ends without a celebration"
        if meaning.get("colors"):
            yield from _shows_color(meaning["colors"][0], last)
    else:
        yield from _plays_pattern(meaning["second"], meaning, last)


def _shows_color(color: str, shot: Shot) -> Reasons:
    if not any(near(cell, rgb(color)) for one in shot.frames for row in front(one) for cell in row):
        yield f"{color} is not shown"


def _off(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    if any(shot.brightest > 0 for shot in film.shots):
        yield "the lamp is still lit"


_CHECKS: dict[str, Check] = {
    "picture": _picture,
    "clock": lambda meaning, film, _: shows_clock(meaning, film.shots[0].frames[0]),
    "text": _text,
    "weather": _weather,
    "pattern": _pattern,
    "mood": _mood,
    "scene": _scene,
    "timer": _timer,
    "pomodoro": _pomodoro,
    "countdown": _countdown,
    "dim": _dim,
    "fade": _fade,
    "cycle": _cycle,
    "then": _then,
    "off": _off,
}
