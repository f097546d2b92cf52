"""Is an answer on brief? Programmatic checks of a valid program against what its request means.

Every check looks at what the lamp would show (simulated frames, playing times) rather than at how the
program is written; only text and a pattern's name are read from the program. An empty list is a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import brief_change, brief_mood, brief_text, brief_time
from .color import dimmed, near, rgb
from .film import Film, Shot, front, watch
from .program import PATTERN_DEFAULTS, Program
from .request import Meaning
from .resemblance import COLOR_SHARE, shows_clock, shows_picture
from .taxonomy import Taxonomy

# How a dim colour differs from the one that was named: about this much of its brightness. Dark colours are near to one
# another, hence less may be between them.
_DIM_SHARES = (0.3, 0.45, 0.6)
_SHADE_TOLERANCE, _DIM_TOLERANCE = 60, 30

Reasons = Iterator[str]
Check = Callable[[Meaning, Film, Taxonomy], Reasons]


def off_brief(meaning: Meaning, program: Program, taxonomy: Taxonomy, running: Program | None = None) -> list[str]:
    """The reasons why a valid program is not what was asked for; empty when it is.

    running: the program that was running when a follow-up was said, if one was.
    """
    if running is not None:
        return list(brief_change.off_change(meaning, running, program))
    return list(_CHECKS[meaning["intent"]](meaning, watch(program), taxonomy))


def _picture(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    yield from shows_picture(meaning, film.shots[0], taxonomy)
    if meaning.get("motion") == "blinks":
        yield from brief_text.blinks(film, "the picture")
    if meaning.get("motion") == "sparkles":
        if not film.moves:
            yield "nothing twinkles"
        if not film.repeats:
            yield "the twinkling ends"


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
        shades, tolerance = [asked], _SHADE_TOLERANCE
        if meaning.get("brightness") == "dim":
            shades, tolerance = [dimmed(asked, share) for share in _DIM_SHARES], _DIM_TOLERANCE
        if not any(near(rgb(shade), rgb(str(color)), tolerance) for shade in shades):
            yield f"{color} instead of {asked}"
    speed = int(params.get("speed", 0))
    if meaning.get("tempo") == "slow" and kind in brief_mood.SLOW and speed < brief_mood.SLOW[kind]:
        yield f"a turn of {speed} ms is not slow"
    if meaning.get("tempo") == "fast" and kind in brief_mood.FAST and speed > brief_mood.FAST[kind]:
        yield f"a turn of {speed} ms is not fast"


def _blend(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    shots = iter(film.shots)
    for color in meaning["colors"]:
        if not any(near(cell, rgb(color)) for shot in film.shots for row in front(shot.frames[0]) for cell in row):
            yield f"{color} is not shown"
            return
    first, *_, last = meaning["colors"]
    if first in _plain_colors(film.shots[-1]) and last in _plain_colors(next(shots)):
        yield "the colours come in another order"
    if len(film.shots) > 1 and not film.repeats:
        yield "does not go on"


def _plain_colors(shot: Shot) -> set[str]:
    command = shot.command
    params: dict[str, Any] = dict(command["params"]) if command["type"] == "pattern" else {}
    return {str(value).upper() for value in params.values()}


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
        yield from brief_text.shows_text(meaning["text"], first)
    if meaning["first"] == "countdown":
        yield from brief_time.counts_down(meaning["number"], film, [])
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


def _sequence(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    """Every part is found in its turn: in as few of the next shots as show it."""
    begin = 0
    shots = film.shots
    for number, part in enumerate(meaning["parts"], start=1):
        found = _found(part, film, begin, number == len(meaning["parts"]), taxonomy)
        if isinstance(found, list):
            yield f"part {number}: {found[0] if found else 'nothing is left for it'}"
            return
        begin = found
    if begin < len(shots) - 3:
        yield f"{len(shots) - begin} more steps follow"


def _found(part: Meaning, film: Film, begin: int, last: bool, taxonomy: Taxonomy) -> int | list[str]:
    """Behind which shot a part that starts at shot `begin` is shown; the reasons against it when it is not."""
    why: list[str] = []
    for end in range(begin + 1, len(film.shots) + 1):
        shown = film.shots[begin:end]
        lasts = [shot.duration_ms for shot in shown]
        total = None if None in lasts else sum(lasts)  # type: ignore[arg-type]
        # A part has no loop of its own unless it is the last: what goes on for ever elsewhere goes on here.
        within = Film(shown, total, film.repeats if last else True)
        reasons = list(_CHECKS[part["intent"]](part, within, taxonomy))
        if not reasons and part["intent"] not in ("timer", "dim", "candle") and "duration_ms" in part:
            wanted = part["duration_ms"]
            if not last and (total is None or abs(total - wanted) > 0.02 * wanted):
                reasons = [f"lasts {total} ms instead of {wanted}"]
        if not reasons:
            return end
        why = why or reasons
    return why


_CHECKS: dict[str, Check] = {
    "picture": _picture,
    "clock": lambda meaning, film, _: shows_clock(meaning, film.shots[0].frames[0]),
    "text": lambda meaning, film, _: brief_text.says(meaning, film),
    "weather": lambda meaning, film, _: brief_text.shows_weather(meaning, film),
    "status": lambda meaning, film, _: brief_text.shows_status(meaning, film),
    "pattern": _pattern,
    "blend": _blend,
    "mood": brief_mood.has_mood,
    "scene": brief_mood.plays_scene,
    "timer": lambda meaning, film, _: brief_time.runs_as_timer(meaning, film),
    "pomodoro": lambda meaning, film, _: brief_time.runs_as_pomodoro(meaning, film),
    "countdown": lambda meaning, film, _: brief_time.counts(meaning, film),
    "dim": lambda meaning, film, _: brief_time.goes_dim(meaning, film),
    "candle": lambda meaning, film, _: brief_time.burns_down(meaning, film),
    "fade": lambda meaning, film, _: brief_time.fades(meaning, film),
    "cycle": _cycle,
    "then": _then,
    "sequence": _sequence,
    "off": _off,
}
