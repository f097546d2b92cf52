"""Does a film have the colours, the tempo, the light and the story that were asked for? Checks of moods and scenes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .color import family
from .film import Film, Shot, front
from .program import PATTERN_DEFAULTS, Command
from .request import Meaning
from .resemblance import shows_picture
from .taxonomy import Taxonomy

_HUE_SHARE = 0.6
_SHOWN_SHARE = 0.04
_AMBER = ("orange", "yellow")
# Fastest `slow` and slowest `fast`, ms per turn.
SLOW = {"breathing": 3000, "wave": 3000, "rainbow": 4000, "pulse": 1200, "sparkle": 200}
FAST = {"breathing": 1500, "wave": 1500, "rainbow": 1500, "pulse": 700, "sparkle": 120}
# Mean of each LED's strongest channel, 0..1, at most for `dim` (mean over the film) and at least for `bright`
# (in its brightest frame).
_DIM, _BRIGHT = 0.55, 0.75

Reasons = Iterator[str]


def has_mood(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    """Why a film is not in a mood: its colours, its tempo, how bright it is."""
    mood = taxonomy.moods[meaning["mood"]]
    light = meaning.get("brightness") or mood.light
    # An LED that looks grey is a white one that is not at its brightest.
    yield from _keeps_to(mood.hues | {"grey"} if "white" in mood.hues else mood.hues, film)
    if mood.tempo == "slow":
        yield from _is_slow(film)
    if mood.tempo == "fast":
        yield from _is_fast(film)
    yield from has_light(light, film)


def has_light(wanted: str | None, film: Film) -> Reasons:
    """Why a film is not dim, or not bright."""
    if wanted is None:
        return
    values = [[float(one.max(axis=1).mean()) / 255 for one in shot.frames] for shot in film.shots]
    if wanted == "dim":
        means = [float(np.average(each, weights=shot.weights)) for each, shot in zip(values, film.shots, strict=True)]
        if sum(means) / len(means) > _DIM:
            yield f"is not dim: {sum(means) / len(means):.2f} of full light, at most {_DIM} is wanted"
    elif (peak := max(max(each) for each in values)) < _BRIGHT:
        yield f"is not bright: {peak:.2f} of full light, at least {_BRIGHT} is wanted"


def _keeps_to(hues: frozenset[str], film: Film) -> Reasons:
    if "any" in hues:
        return
    lit = {name: share for name, share in film.families.items() if name != "dark" or "dark" in hues}
    fitting = sum(share for name, share in lit.items() if name in hues)
    if fitting < _HUE_SHARE * sum(lit.values()) or not fitting:
        yield f"shows {max(lit, key=lambda name: lit[name], default='nothing')}, not mostly {', '.join(sorted(hues))}"


def _speed(command: Command) -> tuple[str, int] | None:
    """The name and speed (ms) of a pattern that has a speed."""
    if command["type"] != "pattern" or command["name"] not in SLOW:
        return None
    params: dict[str, Any] = {**PATTERN_DEFAULTS[command["name"]], **command["params"]}
    return command["name"], int(params["speed"])


def _is_slow(film: Film) -> Reasons:
    for shot in film.shots:
        moving = _speed(shot.command)
        if moving and moving[1] < SLOW[moving[0]]:
            yield f"{moving[0]} at {moving[1]} ms is not slow"
        if shot.duration_ms is not None and shot.duration_ms < 2000:
            yield f"a step of {shot.duration_ms} ms is not slow"


def _is_fast(film: Film) -> Reasons:
    quick_steps = len(film.shots) > 1 and any(0 < (shot.duration_ms or 0) <= 1000 for shot in film.shots)
    speeds = [_speed(shot.command) for shot in film.shots]
    if not quick_steps and not any(moving and moving[1] <= FAST[moving[0]] for moving in speeds):
        yield "nothing in it is fast"


def plays_scene(meaning: Meaning, film: Film, taxonomy: Taxonomy) -> Reasons:
    """Why a film is not a scene: what its `expect` in the seed data asks for."""
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
    if "pictures" in expect:
        yield from _shows_pictures(expect["pictures"], film, taxonomy)
    if len(film.shots) < expect.get("steps", 1):
        yield f"has {len(film.shots)} steps, at least {expect['steps']} are wanted"
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


def _shows_pictures(names: list[str], film: Film, taxonomy: Taxonomy) -> Reasons:
    """Why some pictures are not shown in this order."""
    shots = iter(film.shots)
    for name in names:
        meaning: Meaning = {"intent": "picture", "object": name}
        if not any(not list(shows_picture(meaning, shot, taxonomy)) for shot in shots):
            yield f"{name} is not shown, or not in its turn"
            return
