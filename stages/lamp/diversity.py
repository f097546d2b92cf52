"""How varied a data set is, in what people ask and in what the lamp answers: facts of each row, figures of them all.

Requests are counted once: a follow-up said over a running program is a row, but its words are those of a request
that is there already. A row without a version (an imported one) counts as v1.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from hashlib import blake2b
from statistics import fmean
from typing import Any, NamedTuple, get_args

import orjson

from . import wording
from .brief_mood import FAST, SLOW
from .color import FAMILIES, family, rgb
from .film import Shape, as_shape, drawn_cells, front, ground_of, likeness
from .program import PATTERN_DEFAULTS, Command
from .request import Intent
from .resemblance import LIKENESS
from .similarity import normalised, pairs
from .simulator import frame
from .taxonomy import Taxonomy

Row = dict[str, Any]

TIMERS = frozenset({"timer", "pomodoro", "dim", "countdown"})
TEMPOS = ("still", "steps", "slow", "medium", "fast")
_SHORT, _MEDIUM = 3, 8  # words of a short request at most, and of a medium one
_MANY = 12  # steps: as many or more are one bar
_HEX = re.compile(r"#(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})\b")
_HEART = "heart"
# A request with one of these asks for a heart: by name, or by the feeling or feast that it stands for.
_HEARTY = re.compile(
    r"heart|\blov|valentin|romanc|romantic|cupid|\bcrush\b|\bkiss|wedding|sweetheart|<3|herz|c(?:oe|œ)ur|coraz|cuore|"
    r"coraç|hjärta|hjerte|serc[ea]|\bkalp|szív|inim[aă]|sydän|ハート|愛|恋|心|하트|사랑|сердц|любов|दिल",
    re.IGNORECASE,
)


class Facts(NamedTuple):
    """What one row is counted by.

    id, prompt, version, category, subcategory, template: the row's own; empty where it has none. over: whether the
    request is said over a running program. intent: None where the meaning is not known. objects: pictures that
    the request names. program, light: fingerprints of the answer with and without its name. steps: how many.
    tempo: one of TEMPOS. families: colour families written in the answer. shape: cells that stand out in its
    first picture; None if it does not begin with one. unasked_heart: shows a heart that nobody asked for.
    """

    id: str
    prompt: str
    version: str
    category: str
    subcategory: str
    template: str
    over: bool
    intent: str | None
    objects: tuple[str, ...]
    program: bytes
    light: bytes
    steps: int
    tempo: str
    families: frozenset[str]
    shape: Shape | None
    unasked_heart: bool
    casual: tuple[str, ...]
    language: str


def facts(row: Row, taxonomy: Taxonomy) -> Facts:
    """The facts of a row whose answer is a valid program."""
    prompt, response, meaning = row["prompt"], row["response"], row.get("meaning")
    body = orjson.loads(response)["program"]
    light = [body["steps"], body.get("loop"), body.get("on_complete")]
    first = body["steps"][0]["command"]
    shape = _drawn(orjson.dumps(first)) if first["type"] == "render" else None
    return Facts(
        id=row["id"],
        prompt=prompt,
        version=row.get("version", "v1"),
        category=row["category"],
        subcategory=row.get("subcategory") or (meaning or {}).get("intent", ""),
        template=row.get("template", ""),
        over="running" in row,
        intent=meaning["intent"] if meaning else None,
        objects=tuple(_objects(meaning or {})),
        program=_fingerprint(response.encode()),
        light=_fingerprint(orjson.dumps(light)),
        steps=len(body["steps"]),
        tempo=_tempo([step["command"] for step in body["steps"]]),
        families=frozenset(map(_family, set(_HEX.findall(response)))),
        shape=shape or None,
        unasked_heart=_shows_heart(body["steps"], taxonomy) and not _asks_for_heart(row, taxonomy),
        casual=tuple(wording.markers(prompt)),
        language=wording.language(prompt),
    )


def _fingerprint(text: bytes) -> bytes:
    return blake2b(text, digest_size=12).digest()


@lru_cache(maxsize=4096)
def _family(color: str) -> str:
    return family(rgb(color))


def _parts(meaning: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield meaning
    for part in meaning.get("parts", ()):
        yield from _parts(part)


def _objects(meaning: dict[str, Any]) -> Iterator[str]:
    return (part["object"] for part in _parts(meaning) if "object" in part)


def _tempo(commands: list[Command]) -> str:
    """That of the first pattern that moves; `steps` if only the steps make the change."""
    for command in commands:
        if command["type"] == "pattern" and command["name"] in SLOW:
            name = command["name"]
            speed = {**PATTERN_DEFAULTS[name], **command["params"]}["speed"]
            return "slow" if speed >= SLOW[name] else "fast" if speed <= FAST[name] else "medium"
    return "steps" if len(commands) > 1 else "still"


@lru_cache(maxsize=4096)
def _drawn(command: bytes) -> Shape:
    """The cells that stand out in what a render command (as JSON) draws."""
    shown = frame(orjson.loads(command), 0)
    return drawn_cells(shown, ground_of(front(shown)))


def _asks_for_heart(row: Row, taxonomy: Taxonomy) -> bool:
    if "running" in row or _HEARTY.search(row["prompt"]):
        return True
    for part in _parts(row.get("meaning") or {}):
        scene = taxonomy.scenes.get(part.get("scene", ""))
        expected = scene.expect.get("pictures", ()) if scene else ()
        if any(_HEART in name for name in (part.get("object", ""), *expected)):
            return True
    return False


def _shows_heart(steps: list[dict[str, Any]], taxonomy: Taxonomy) -> bool:
    commands = (orjson.dumps(step["command"]) for step in steps if step["command"]["type"] == "render")
    return any(_is_heart(_drawn(command), taxonomy) for command in dict.fromkeys(commands))


def _is_heart(shape: Shape, taxonomy: Taxonomy) -> bool:
    """Whether a shape is more like the library's heart than like any other of its pictures."""
    heart = taxonomy.pictures.get(_HEART)
    if heart is None or not (model := as_shape(heart.mask())):
        return False
    # No likeness is above the share that the smaller of the two can cover; this spares nearly all comparisons.
    if not LIKENESS <= shape.bit_count() / model.bit_count() <= 1 / LIKENESS:
        return False
    score = likeness(shape, model)[0]
    others = (as_shape(each.mask()) for name, each in taxonomy.pictures.items() if _HEART not in name)
    return score >= LIKENESS and not any(likeness(shape, other)[0] > score for other in others)


class Census:
    """The facts of all rows, and what they come to. rows: in their order. library: objects that may be drawn."""

    def __init__(self, rows: Iterable[Facts], library: Iterable[str]) -> None:
        self.rows = list(rows)
        self.library = sorted(library)

    @cached_property
    def requests(self) -> list[Facts]:
        """The rows that are not said over a running program."""
        return [row for row in self.rows if not row.over]

    @cached_property
    def v1(self) -> list[Facts]:
        """Requests of the original categories."""
        return [row for row in self.requests if row.version == "v1"]

    @cached_property
    def v2(self) -> list[Facts]:
        """The new requests."""
        return [row for row in self.requests if row.version == "v2"]

    @cached_property
    def objects(self) -> Counter[str]:
        """How many requests name each object."""
        return Counter(name for row in self.requests for name in set(row.objects))

    @cached_property
    def casual(self) -> Counter[str]:
        """How many of the new requests have each mark of speech."""
        return Counter(mark for row in self.v2 for mark in row.casual)

    @cached_property
    def languages(self) -> Counter[str]:
        """How many requests are in each language."""
        return Counter(row.language for row in self.requests)

    def counts(self) -> dict[tuple[str, str], Counter[str]]:
        """Rows per category and sub-category: of v1, of v2, and `over` a running program."""
        found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for row in self.rows:
            found[row.category, row.subcategory]["over" if row.over else row.version] += 1
        return dict(sorted(found.items()))


def figures(census: Census, near: float) -> dict[str, Any]:
    """All figures, flat. Shares and similarities are 0..1 with four digits; None where there is nothing to count.

    near: similarity above which two different requests count as nearly the same.
    """
    return {
        "rows": len(census.rows),
        "requests_v1": len(census.v1),
        "requests_v2": len(census.v2),
        "rows_over_a_program": len(census.rows) - len(census.requests),
        **_repeats(census, near),
        **_words(census),
        **_subjects(census),
        **_answers(census),
    }


def _repeats(census: Census, near: float) -> dict[str, Any]:
    different = list(dict.fromkeys(normalised(row.prompt) for row in census.requests))
    found = [alike for _, _, alike in pairs(different, near)]
    return {
        "exact_duplicates": len(census.requests) - len(different),
        "near_duplicate_pairs": sum(alike > near for alike in found),
        "highest_similarity": round(max(found), 4) if found else None,
    }


def _words(census: Census) -> dict[str, Any]:
    lengths = {"v1": _lengths(census.v1), "v2": _lengths(census.v2)}
    new = lengths["v2"]
    distinct = {
        version: wording.distinct(wording.words(row.prompt) for row in rows)
        for version, rows in (("v1", census.v1), ("v2", census.v2))
    }
    templates = Counter(row.template for row in census.requests if row.template)
    return {
        "words_1_to_3_v2": _share(sum(each <= _SHORT for each in new), len(new)),
        "words_4_to_8_v2": _share(sum(_SHORT < each <= _MEDIUM for each in new), len(new)),
        "words_9_up_v2": _share(sum(each > _MEDIUM for each in new), len(new)),
        **{f"mean_words_{version}": round(fmean(each), 2) if each else None for version, each in lengths.items()},
        **{f"distinct_1_{version}": _rounded(one) for version, (one, _) in distinct.items()},
        **{f"distinct_2_{version}": _rounded(two) for version, (_, two) in distinct.items()},
        "largest_template": _share(max(templates.values(), default=0), templates.total()),
        "casual_v1": _share(sum(bool(row.casual) for row in census.v1), len(census.v1)),
        "casual_v2": _share(sum(bool(row.casual) for row in census.v2), len(census.v2)),
        "languages": len(census.languages),
    }


def _lengths(rows: list[Facts]) -> list[int]:
    """Words per request, as they stand between spaces."""
    return [len(row.prompt.split()) for row in rows]


def _subjects(census: Census) -> dict[str, Any]:
    sequences = [row.intent for row in census.requests if row.category == "multi_step" and row.intent]
    return {
        "objects_drawn": len(census.objects.keys() & set(census.library)),
        "objects_in_library": len(census.library),
        "timers_of_multi_step": _share(sum(intent in TIMERS for intent in sequences), len(sequences)),
    }


def _answers(census: Census) -> dict[str, Any]:
    shapes = Counter(row.shape for row in census.requests if row.shape)
    tempos = Counter(row.tempo for row in census.rows)
    over = [row for row in census.rows if row.over]
    return {
        "commonest_shape": _share(max(shapes.values(), default=0), shapes.total()),
        "hearts_not_asked_for": sum(row.unasked_heart for row in census.rows),
        "identical_programs": _repeated([row.program for row in census.requests]),
        "identical_lights": _repeated([row.light for row in census.requests]),
        "identical_programs_over": _repeated([row.program for row in over]),
        "mean_steps": round(fmean(row.steps for row in census.rows), 2) if census.rows else None,
        **{f"tempo_{tempo}": _share(tempos[tempo], len(census.rows)) for tempo in TEMPOS},
    }


def _repeated(fingerprints: list[bytes]) -> float | None:
    """The share of answers that an earlier row has as well."""
    return _share(len(fingerprints) - len(set(fingerprints)), len(fingerprints))


def _share(part: int, whole: int) -> float | None:
    return _rounded(part / whole) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""A header, and rows under it."""


def tables(census: Census) -> dict[str, Table]:
    """The distributions to plot, by name. Shares are in percent."""
    ranks = sorted(census.library, key=lambda name: (-census.objects[name], name))
    intents = Counter(row.intent for row in census.requests if row.intent)
    families = Counter(name for row in census.rows for name in row.families)
    steps = Counter(min(row.steps, _MANY) for row in census.rows)
    return {
        "words_v1": (("words", "requests"), _word_lengths(census.v1)),
        "words_v2": (("words", "requests"), _word_lengths(census.v2)),
        "objects": (
            ("rank", "requests", "object"),
            [(rank, census.objects[name], name) for rank, name in enumerate(ranks, start=1)],
        ),
        "intents": (("intent", "requests"), [(name, intents[name]) for name in get_args(Intent)]),
        "colors": (("family", "answers"), [(name, _percent(families[name], len(census.rows))) for name in FAMILIES]),
        "steps": (
            ("steps", "answers"),
            [(number, _percent(steps[number], len(census.rows))) for number in range(1, _MANY + 1)],
        ),
    }


def _word_lengths(rows: list[Facts]) -> list[tuple[Any, ...]]:
    lengths = Counter(_lengths(rows))
    return [(words, _percent(lengths[words], len(rows))) for words in range(1, max(lengths, default=0) + 1)]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
