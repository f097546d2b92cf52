"""Does a film take the time that was asked for? Checks of timers, countdowns, dimming, candles and fades."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .brief_text import shows_text, texts_of
from .color import family, near, rgb
from .film import Film, front
from .request import Meaning
from .resemblance import COLOR_SHARE

_TIME_TOLERANCE = 0.02
_FLAME = ("yellow", "orange")
_LIT = 96  # an LED whose strongest channel is less is ground

Reasons = Iterator[str]


def runs_as_timer(meaning: Meaning, film: Film) -> Reasons:
    """Why a film is no timer of the time that was asked for."""
    yield from _lasts(meaning["duration_ms"], film)
    if sum(shot.duration_ms is not None for shot in film.shots) < 2:
        yield "nothing shows that time passes"


def _lasts(wanted: int, film: Film) -> Reasons:
    if film.total_ms is None:
        yield "never ends"
    elif abs(film.total_ms - wanted) > _TIME_TOLERANCE * wanted:
        yield f"lasts {film.total_ms} ms instead of {wanted}"


def runs_as_pomodoro(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not work and rest as long as was asked for."""
    work, rest = meaning["work_ms"], meaning["break_ms"]
    ends = [shot.start_ms + shot.duration_ms for shot in film.shots if shot.duration_ms is not None]
    for wanted, what in ((work, "work"), (work + rest, "break")):
        if not any(abs(end - wanted) <= _TIME_TOLERANCE * wanted for end in ends):
            yield f"no {what} ends after {wanted} ms"


def counts(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not count down."""
    yield from counts_down(meaning["number"], film, meaning.get("colors", []))


def counts_down(number: int, film: Film, colors: list[str]) -> Reasons:
    """Why a film does not show each number down to 1 for a second, in the first of `colors` if there is one."""
    for left, shot in zip(range(number, 0, -1), film.shots, strict=False):
        yield from shows_text(str(left), shot)
        if shot.duration_ms is None or not 800 <= shot.duration_ms <= 1200:
            yield f"{left} is shown for {shot.duration_ms} ms instead of a second"
        if colors and not all(near(rgb(text["color"]), rgb(colors[0])) for text in texts_of(shot)):
            yield f"{left} is not {colors[0]}"
    if len(film.shots) < number:
        yield f"has {len(film.shots)} steps for {number} numbers"


def goes_dim(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not get dark in the time that was asked for."""
    yield from _lasts(meaning["duration_ms"], film)
    lights = [shot.light for shot in film.shots]
    if any(after > before for before, after in itertools.pairwise(lights)):
        yield "gets brighter on the way"
    if lights[-1] > 0.02:
        yield "does not end dark"
    if len(lights) < 3:
        yield "does not dim in steps"


def fades(meaning: Meaning, film: Film) -> Reasons:
    """Why a film does not go from one colour to the other."""
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


def burns_down(meaning: Meaning, film: Film) -> Reasons:
    """Why a film is no candle that gets shorter and lasts what was asked for."""
    yield from _lasts(meaning["duration_ms"], film)
    shots = [shot for shot in film.shots if shot.duration_ms is not None]
    lit = [sum(max(cell) >= _LIT for row in front(shot.frames[0]) for cell in row) for shot in shots]
    if len(shots) < 3 or any(after >= before for before, after in itertools.pairwise(lit)):
        yield "the candle does not get shorter step by step"
    for number, shot in enumerate(shots, start=1):
        if sum(family(cell) in _FLAME for row in front(shot.frames[0]) for cell in row if max(cell) >= _LIT) < 2:
            yield f"no flame in step {number}"
            return
