"""Keep the answers worth training on; write the others beside them, each with its reasons.

In:   responses.jsonl, data/seed (benchmark requests, and what each scene and mood must look like)
Out:  screened.jsonl (programs in compact form, keys in the definition's order, values untouched),
      rejected.jsonl (the rows as they came, with `reasons`), and counts as a metric
Holds: seen = kept + rejected; every kept program is valid, none repeats a request, none is a benchmark
      request, and where a request's meaning is known the answer is on brief.
Run:  python -m stages.lamp_screened --responses data/lamp/responses.jsonl
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import stage

if TYPE_CHECKING:
    from .lamp.taxonomy import Taxonomy


@dataclass(frozen=True)
class Params:
    """Section lamp_screened of params.yaml; its comments say what each key does."""

    max_characters: int
    on_brief: bool


@stage(
    __doc__,
    seed_folder="data/seed",
    responses="data/lamp/responses.jsonl",
    out="data/lamp/screened.jsonl",
    rejected="data/lamp/rejected.jsonl",
    metrics="metrics/lamp_screened.json",
)
def main(seed_folder: Path, responses: Path, out: Path, rejected: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params
    from .lamp import taxonomy

    knobs = params.load(Params, "lamp_screened", params_path)
    screen = Screen(knobs, taxonomy.load(seed_folder), seed_folder / "benchmark.yaml")
    for row in files.read_rows(responses, ("id", "prompt", "category", "response")):
        screen.judge(row)
    files.write_rows(out, screen.kept)
    files.write_rows(rejected, screen.rejected)
    files.write_json(metrics, screen.summary())
    click.echo(f"{out}: kept {len(screen.kept)}, rejected {len(screen.rejected)} {dict(screen.reasons) or ''}")


class Screen:
    """Judges rows one by one and counts. kept, rejected: rows. reasons, remarks: how often each occurred."""

    def __init__(self, knobs: Params, words: Taxonomy, benchmark_path: Path) -> None:
        self._knobs = knobs
        self._words = words
        self._benchmark_path = benchmark_path
        self._prompts: set[str] = set()
        self.kept: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self.remarks: Counter[str] = Counter()

    def judge(self, row: dict[str, Any]) -> None:
        """Put a row among the kept or the rejected."""
        from .lamp import validation
        from .lamp.program import compact

        if not all(isinstance(row[key], str) for key in ("id", "prompt", "category", "response")):
            self._reject(row, [("not-text", "id, prompt, category and response must be strings")])
            return
        try:
            program = validation.parse(row["response"])
        except validation.InvalidProgram as invalid:
            self._reject(row, [(defect.kind, str(defect)) for defect in invalid.defects])
            return
        response = compact(program)
        reasons = self._objections(row, response, program)
        if reasons:
            self._reject(row, reasons)
            return
        self._prompts.add(_normalised(row["prompt"]))
        self.remarks.update({remark.kind for remark in validation.remarks(program)})
        self.kept.append({**row, "response": response})

    def _objections(self, row: dict[str, Any], response: str, program: Any) -> list[tuple[str, str]]:
        """(kind, sentence) of everything that speaks against a valid answer."""
        from .lamp import brief, held_out

        found = []
        twin = held_out.benchmark_twin(row["prompt"], self._benchmark_path)
        if twin:
            found.append(("benchmark-request", f"means the same as the held-out benchmark request {twin!r}"))
        if _normalised(row["prompt"]) in self._prompts:
            found.append(("duplicate-request", "an earlier row asks the same"))
        if len(response) > self._knobs.max_characters:
            limit = self._knobs.max_characters
            found.append(("too-long", f"{len(response)} characters, at most {limit} are allowed"))
        if self._knobs.on_brief and "meaning" in row:
            try:
                found += [("off-brief", why) for why in brief.off_brief(row["meaning"], program, self._words)]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                found.append(("bad-meaning", f"meaning {row['meaning']!r} cannot be checked: {error!r}"))
        return found

    def _reject(self, row: dict[str, Any], reasons: list[tuple[str, str]]) -> None:
        self.reasons.update({kind for kind, _ in reasons})
        self.rejected.append({**row, "reasons": [sentence for _, sentence in reasons]})

    def summary(self) -> dict[str, Any]:
        """Counts for metrics/lamp_screened.json. A row counts once under each kind of its reasons."""
        return {
            "seen": len(self.kept) + len(self.rejected),
            "kept": len(self.kept),
            "rejected": len(self.rejected),
            "reasons": dict(sorted(self.reasons.items())),
            "remarks": dict(sorted(self.remarks.items())),
            "kept_by_category": dict(sorted(Counter(row["category"] for row in self.kept).items())),
        }


def _normalised(prompt: str) -> str:
    return " ".join(prompt.lower().split())


if __name__ == "__main__":
    main()
