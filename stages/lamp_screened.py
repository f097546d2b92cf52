"""Keep the answers worth training on; write the others beside them, each with its reasons.

In:   responses.jsonl, data/seed (benchmark requests, and what each scene and mood must look like)
Out:  screened.jsonl (programs in compact form, keys in the definition's order, values untouched),
      rejected.jsonl (the rows as they came, with `reasons`), and counts as a metric
Holds: seen = kept + rejected; every kept program is valid, none repeats a request or nearly repeats one, none
      is a benchmark request, and where a request's meaning is known the answer is on brief. The first of two
      equal requests survives. The same bytes for any number of workers.
Run:  python -m stages.lamp_screened --responses data/lamp/responses.jsonl
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from .command import stage
from .errors import UserError

# One token at least for each of these, whatever tokenizer a model has: so this never counts too few.
_PIECE = re.compile(r"\d|[A-Za-z]{1,3}|[^A-Za-z\d\s]{1,2}")


@dataclass(frozen=True)
class Params:
    """Section lamp_screened of params.yaml; its comments say what each key does."""

    max_tokens: int
    near_duplicate: float
    on_brief: bool


class Finding(NamedTuple):
    """What is wrong with one row by itself: (kind, sentence) each; its program in compact form; its remarks."""

    objections: list[tuple[str, str]]
    response: str
    remarks: set[str]


@stage(
    __doc__,
    seed_folder="data/seed",
    responses="data/lamp/responses.jsonl",
    out="data/lamp/screened.jsonl",
    rejected="data/lamp/rejected.jsonl",
    metrics="metrics/lamp_screened.json",
)
def main(seed_folder: Path, responses: Path, out: Path, rejected: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params, workers

    knobs = params.load(Params, "lamp_screened", params_path)
    if not 0 < knobs.near_duplicate <= 1:
        raise UserError(
            f"{params_path}, lamp_screened.near_duplicate: {knobs.near_duplicate} is not above 0 and up to 1"
        )
    screen = Screen(knobs.near_duplicate)
    rows = files.read_rows(responses, ("id", "prompt", "category", "response"))
    for row, finding in workers.in_order(
        partial(judged, max_tokens=knobs.max_tokens, on_brief=knobs.on_brief, seed_folder=seed_folder), rows
    ):
        screen.take(row, finding)
    files.write_rows(out, screen.kept)
    files.write_rows(rejected, screen.rejected)
    files.write_json(metrics, screen.summary())
    click.echo(f"{out}: kept {len(screen.kept)}, rejected {len(screen.rejected)} {dict(screen.reasons) or ''}")


def judged(
    rows: list[dict[str, Any]], max_tokens: int, on_brief: bool, seed_folder: Path
) -> list[tuple[dict[str, Any], Finding]]:
    """Each row with what is wrong with it by itself."""
    return [(row, _finding(row, max_tokens, on_brief, seed_folder)) for row in rows]


def _finding(row: dict[str, Any], max_tokens: int, on_brief: bool, seed_folder: Path) -> Finding:
    from .lamp import validation
    from .lamp.program import compact

    if not all(isinstance(row.get(key, ""), str) for key in ("id", "prompt", "category", "response", "running")):
        return Finding([("not-text", "id, prompt, category, response and running must be strings")], "", set())
    try:
        program = validation.parse(row["response"])
    except validation.InvalidProgram as invalid:
        return Finding([(defect.kind, str(defect)) for defect in invalid.defects], "", set())
    response = compact(program)
    objections = list(_objections(row, seed_folder))
    size = token_bound(response)
    if size > max_tokens:
        objections.append(("too-long", f"about {size} tokens, at most {max_tokens} are allowed"))
    if on_brief and "meaning" in row:
        objections += _off_brief(row, program, seed_folder)
    return Finding(objections, response, {remark.kind for remark in validation.remarks(program)})


def _objections(row: dict[str, Any], seed_folder: Path) -> Iterator[tuple[str, str]]:
    from .lamp import held_out

    twin = held_out.benchmark_twin(row["prompt"], seed_folder / "benchmark.yaml")
    if twin and "running" not in row:
        yield "benchmark-request", f"means the same as the held-out benchmark request {twin!r}"


def _off_brief(row: dict[str, Any], program: Any, seed_folder: Path) -> list[tuple[str, str]]:
    """(kind, sentence) of each reason why a valid answer is not what was asked for."""
    from .lamp import brief, taxonomy, validation

    try:
        running = validation.parse(row["running"]) if "running" in row else None
        reasons = brief.off_brief(row["meaning"], program, taxonomy.load(seed_folder), running)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [("bad-meaning", f"meaning {row['meaning']!r} cannot be checked: {error!r}")]
    return [("off-brief", why) for why in reasons]


def token_bound(text: str) -> int:
    """Tokens of a program, counted so that no tokenizer in use makes more: single digits, letters by threes."""
    return len(_PIECE.findall(text))


class Screen:
    """Takes rows one by one and counts. kept, rejected: rows. reasons, remarks: how often each occurred."""

    def __init__(self, near_duplicate: float) -> None:
        from .lamp.similarity import Seen

        self._limit = near_duplicate
        # A follow-up means something else with every program that is running: those are compared by themselves.
        self._seen = Seen(near_duplicate)
        self._prompts: list[str] = []
        self._follow_ups: set[tuple[str, str]] = set()
        self.kept: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self.remarks: Counter[str] = Counter()
        self._programs: set[str] = set()

    def take(self, row: dict[str, Any], finding: Finding) -> None:
        """Put a row among the kept or the rejected."""
        objections = finding.objections or self._repeated(row)
        if objections:
            self.reasons.update({kind for kind, _ in objections})
            self.rejected.append({**row, "reasons": [sentence for _, sentence in objections]})
            return
        self.remarks.update(finding.remarks)
        self._programs.add(finding.response)
        self.kept.append({**row, "response": finding.response})

    def _repeated(self, row: dict[str, Any]) -> list[tuple[str, str]]:
        """Why a row says what an earlier one says; the row is remembered if it does not."""
        from .lamp.similarity import normalised

        prompt = row["prompt"]
        if "running" in row:
            key = (normalised(prompt), row["running"])
            if key in self._follow_ups:
                return [("duplicate-request", "an earlier row asks the same of the same program")]
            self._follow_ups.add(key)
            return []
        twin = self._seen.twin(prompt, remember=True)
        if twin is None:
            self._prompts.append(prompt)
            return []
        earlier = self._prompts[twin]
        if normalised(earlier) == normalised(prompt):
            return [("duplicate-request", "an earlier row asks the same")]
        return [("near-duplicate-request", f"an earlier row asks nearly the same: {earlier!r}")]

    def summary(self) -> dict[str, Any]:
        """Counts for metrics/lamp_screened.json. A row counts once under each kind of its reasons."""
        return {
            "seen": len(self.kept) + len(self.rejected),
            "kept": len(self.kept),
            "rejected": len(self.rejected),
            "different_programs": len(self._programs),
            "reasons": dict(sorted(self.reasons.items())),
            "remarks": dict(sorted(self.remarks.items())),
            "kept_by_category": dict(sorted(Counter(row["category"] for row in self.kept).items())),
        }


if __name__ == "__main__":
    main()
