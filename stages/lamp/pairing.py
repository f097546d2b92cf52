"""Pairs of an answer that is on brief and one that is not, to the same request: what preference tuning learns from.

Both answers are judged by the checks in `brief`, each pair anew: no pair rests on how its rejected answer was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from . import brief, flaws, held_out, taxonomy, validation
from .flaws import CHANGES, Flaw, Ring, Stock
from .program import Program, compact

Row = dict[str, Any]

# Other answers that are tried where the first one happens to be on brief too.
_TRIES = 4


class Unpaired(StrEnum):
    """Why a row has no pair."""

    OVER_LIMIT = "over_limit"
    """Enough rows come before it in the order of the hashes."""
    NO_MEANING = "no_meaning"
    """What its request means is not known, so nothing can be checked."""
    BENCHMARK_REQUEST = "benchmark_request"
    """It is held out."""
    CHOSEN_INVALID = "chosen_invalid"
    """Its own answer is no valid program, or its meaning cannot be checked."""
    CHOSEN_OFF_BRIEF = "chosen_off_brief"
    """Its own answer is not what was asked for."""
    NOTHING_BREAKS_IT = "nothing_breaks_it"
    """All that was tried left the answer on brief, or there was nothing to try."""


@dataclass(frozen=True)
class Case:
    """A row to find pairs for. prompt: the chat before the answer. others: answers to other requests, by flaw."""

    row: Row
    prompt: list[dict[str, str]]
    others: dict[Flaw, list[str]]


@dataclass(frozen=True)
class Rules:
    """pairs: of a row, at most. flaws: which ones are made. seed: other flaws of the same rows."""

    seed: int
    pairs: int
    flaws: tuple[Flaw, ...]

    def key(self, row: Row, flaw: Flaw) -> str:
        """What the choices for a row and flaw hang on."""
        return f"{self.seed}:{row['id']}:{flaw.value}"


class Donors:
    """The answers to all requests, to be found as another request's answer."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._all = Ring((row["id"], row) for row in rows)
        kinds: dict[str, list[Row]] = {}
        for row in rows:
            kinds.setdefault(_kind(row), []).append(row)
        self._by_kind = {kind: Ring((row["id"], row) for row in found) for kind, found in kinds.items()}

    def case(self, row: Row, prompt: list[dict[str, str]], rules: Rules) -> Case:
        """The row with the answers that may be taken for its own."""
        rings = {Flaw.SUBJECT: self._by_kind[_kind(row)], Flaw.REQUEST: self._all}
        others: dict[Flaw, list[str]] = {}
        for flaw in rules.flaws:
            if flaw in rings:
                found = (
                    other["response"]
                    for other in rings[flaw].behind(rules.key(row, flaw))
                    if other["id"] != row["id"] and (flaw is Flaw.SUBJECT or _kind(other) != _kind(row))
                )
                others[flaw] = list(islice(found, _TRIES))
        return Case(row, prompt, others)


def _kind(row: Row) -> str:
    """What kind of request it is; follow-ups over a running program are known by the change."""
    meaning: Any = row.get("meaning") or {}
    return str(meaning.get("change")) if "running" in row else str(meaning.get("intent"))


def stock(rows: Iterable[Row]) -> Stock:
    """What flaws are made of: the values in the rows' answers."""
    return Stock.of(filter(None, (_parsed(row["response"]) for row in rows)))


def _parsed(response: str) -> Program | None:
    try:
        return validation.parse(response)
    except validation.InvalidProgram:
        return None


def paired(
    cases: list[Case], rules: Rules, supply: Stock, seed_folder: Path
) -> list[tuple[Row, list[Row], Unpaired | None]]:
    """Each row with its pairs, and the reason where there are none."""
    return [(case.row, *_of_one(case, rules, supply, seed_folder)) for case in cases]


def _of_one(case: Case, rules: Rules, supply: Stock, seed_folder: Path) -> tuple[list[Row], Unpaired | None]:
    row = case.row
    if "running" not in row and held_out.benchmark_twin(row["prompt"], seed_folder / "benchmark.yaml"):
        return [], Unpaired.BENCHMARK_REQUEST
    if not row.get("meaning"):
        return [], Unpaired.NO_MEANING
    words = taxonomy.load(seed_folder)
    try:
        running = validation.parse(row["running"]) if "running" in row else None
        chosen = validation.parse(row["response"])
        if brief.off_brief(row["meaning"], chosen, words, running):
            return [], Unpaired.CHOSEN_OFF_BRIEF
    except (KeyError, TypeError, ValueError, AttributeError):
        return [], Unpaired.CHOSEN_INVALID
    pairs: list[Row] = []
    for flaw in Ring((rules.key(row, flaw), flaw) for flaw in rules.flaws).behind(row["id"]):
        if len(pairs) == rules.pairs:
            break
        found = _rejected(flaw, case, chosen, running, supply, rules.key(row, flaw), words)
        if found is not None and found[0] not in {pair["rejected"][0]["content"] for pair in pairs}:
            pairs.append(_pair(case, flaw, *found))
    return pairs, None if pairs else Unpaired.NOTHING_BREAKS_IT


def _rejected(
    flaw: Flaw,
    case: Case,
    chosen: Program,
    running: Program | None,
    supply: Stock,
    key: str,
    words: taxonomy.Taxonomy,
) -> tuple[str, list[str]] | None:
    """The first answer with this flaw that is valid and not on brief, and why it is not."""
    for candidate in _candidates(flaw, case, chosen, running, supply, key):
        candidate["program"]["name"] = chosen["program"]["name"]  # or the name would give the wrong one away
        text = compact(candidate)
        reasons = brief.off_brief(case.row["meaning"], candidate, words, running) if _parsed(text) else []
        if reasons:
            return text, reasons
    return None


def _candidates(
    flaw: Flaw, case: Case, chosen: Program, running: Program | None, supply: Stock, key: str
) -> Iterator[Program]:
    if flaw in CHANGES:
        yield from flaws.changed(flaw, chosen, supply, key)
    elif flaw is Flaw.UNCHANGED:
        yield from () if running is None else (validation.parse(case.row["running"]),)
    else:
        yield from filter(None, map(_parsed, case.others[flaw]))


def _pair(case: Case, flaw: Flaw, rejected: str, reasons: list[str]) -> Row:
    """A row in TRL's conversational preference form; trainers pass over the other keys."""
    row = case.row
    return {
        "id": f"{row['id']}-{flaw.value}",
        "row": row["id"],
        "category": row["category"],
        "flaw": flaw.value,
        "reasons": reasons,
        "prompt": case.prompt,
        "chosen": [{"role": "assistant", "content": row["response"]}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }
