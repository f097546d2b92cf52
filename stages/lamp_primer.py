"""Make further requests, with answers, of the same kinds as the data set's, for the base model to learn to speak from.

In:   data/seed, screened.jsonl (the data set), the trainset (for how requests are put to the model)
Out:  primer.jsonl, chat rows as in the trainset; metrics with how many candidates became none, by reason
Holds: no request means the same as a benchmark request, and none is in the data set or nearly, its validation rows
       included; answers are the rule-based teacher's, valid and on brief; the same bytes for any number of workers.
Run:  python -m stages.lamp_primer --out data/lamp/primer.jsonl
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import stage
from .errors import UserError
from .lamp.asking import FILE, RequestFormat
from .lamp.chat_rows import chat_row

if TYPE_CHECKING:
    from .lamp.units import Task

Row = dict[str, Any]


@dataclass(frozen=True)
class Params:
    """Section lamp_primer of params.yaml; its comments say what each key does."""

    seed: int
    rows: int
    near_duplicate: float


@stage(
    __doc__,
    seed_folder="data/seed",
    screened="data/lamp/screened.jsonl",
    trainset="data/lamp/trainset",
    out="data/lamp/primer.jsonl",
    metrics="metrics/lamp_primer.json",
)
def main(seed_folder: Path, screened: Path, trainset: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params, workers
    from .lamp import units

    knobs = params.load(Params, "lamp_primer", params_path)
    check(knobs, params_path)
    versions = params.value(tuple[str, ...], "lamp_trainset.versions", params_path)
    known = list(files.read_rows(screened, ("prompt", "category")))
    requests = units.generated(tasks(known, versions, knobs, seed_folder))
    given = workers.in_order(partial(answered, seed_folder=seed_folder, seed=knobs.seed), requests)
    chosen = Chosen(known, knobs.near_duplicate)
    asking = RequestFormat(**files.read_json(trainset / FILE))
    rows = ({**row, "id": f"primer-{row['id']}"} for row in chosen.among(given))
    count = files.write_rows(out, (chat_row(row, asking) for row in rows))
    files.write_json(metrics, {"rows": count, "left_out": dict(sorted(chosen.left_out.items()))})
    click.echo(f"{out}: {count} rows, left out {dict(sorted(chosen.left_out.items())) or 'none'}")


def check(knobs: Params, params_path: Path) -> None:
    """Raises UserError for fewer rows than none and a similarity that is none."""
    if knobs.rows < 0:
        raise UserError(f"{params_path}, lamp_primer.rows: {knobs.rows} is negative; take 0 for no primer, or more")
    if not 0 < knobs.near_duplicate <= 1:
        raise UserError(f"{params_path}, lamp_primer.near_duplicate: {knobs.near_duplicate} is not above 0 and up to 1")


def tasks(known: Iterable[Row], versions: tuple[str, ...], knobs: Params, seed_folder: Path) -> list[Task]:
    """How many requests of which kind: in the proportions of the data set's rows of these versions.

    Rows of no kind that there are phrases for (imported ones) and follow-ups on a running program do not count.
    """
    from .lamp import taxonomy, units

    phrases = taxonomy.load(seed_folder).units
    kinds = Counter(
        (row["version"], row["category"], row["subcategory"] if row["version"] != "v1" else "")
        for row in known
        if row.get("version") in versions and "running" not in row
    )
    counts = {key: count for key, count in sorted(kinds.items()) if key in phrases}
    quotas = units.scaled(list(counts.values()), knobs.rows) if knobs.rows else []
    return [
        units.Task(key, quota, None, knobs.seed, seed_folder) for key, quota in zip(counts, quotas, strict=bool(quotas))
    ]


def answered(requests: list[Row], seed_folder: Path, seed: int) -> list[tuple[Row, str]]:
    """Each request with the teacher's answer in its field `response`, and why it is not to be learnt from, or ""."""
    from .lamp.teachers.rule_based import teacher

    rules = teacher(seed_folder, seed)
    return [_judged({**request, "response": rules.response(request)}, seed_folder) for request in requests]


def _judged(row: Row, seed_folder: Path) -> tuple[Row, str]:
    from .lamp import brief, held_out, taxonomy, validation
    from .lamp.program import compact

    if held_out.benchmark_twin(row["prompt"], seed_folder / "benchmark.yaml"):
        return row, "benchmark-request"
    program = validation.parse(row["response"])
    wrong = brief.off_brief(row["meaning"], program, taxonomy.load(seed_folder), None)
    return {**row, "response": compact(program)}, "off-brief" if wrong else ""


class Chosen:
    """Picks rows that are neither in the data set nor said before. left_out: how many were not, by reason."""

    def __init__(self, known: Iterable[Row], near_duplicate: float) -> None:
        from .lamp.similarity import Seen

        self._seen = Seen(near_duplicate)
        for row in known:
            self._seen.add(row["prompt"])
        self.left_out: Counter[str] = Counter()

    def among(self, given: Iterable[tuple[Row, str]]) -> Iterator[Row]:
        """The rows to learn from, in their order."""
        for row, objection in given:
            if not objection and not self._seen.add(row["prompt"]):
                objection = "near-duplicate"
            if objection:
                self.left_out[objection] += 1
            else:
                yield row


if __name__ == "__main__":
    main()
