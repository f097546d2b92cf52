"""Make pairs of a right and a wrong answer to the same request, for preference tuning (DPO).

In:   trainset (train.jsonl; val.jsonl, to see that none of it is among them), screened.jsonl (what each request
      means), data/seed
Out:  pairs.jsonl in TRL's conversational preference form (prompt, chosen, rejected; id, and the row, its category,
      what is wrong with the rejected answer and why the check says so), and counts as a metric
Holds: every chosen answer is on brief, every rejected one is valid and is not, both by the checks; only training rows
      have pairs, never validation rows or requests of the benchmark; rows seen = with pairs + without (by reason);
      what a row's pairs are hangs on its id and the seed. The same bytes for any number of workers.
Run:  python -m stages.lamp_pairs --trainset data/lamp/trainset --screened data/lamp/screened.jsonl
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
from annotated_types import Ge, MinLen

from .command import stage
from .errors import UserError
from .lamp.flaws import Flaw

if TYPE_CHECKING:
    from .lamp.pairing import Case, Rules

Row = dict[str, Any]


@dataclass(frozen=True)
class Params:
    """Section lamp_pairs of params.yaml; its comments say what each key does."""

    seed: int
    rows: Annotated[int, Ge(0)]
    pairs_per_row: Annotated[int, Ge(1)]
    flaws: Annotated[tuple[Flaw, ...], MinLen(1)]


@stage(
    __doc__,
    seed_folder="data/seed",
    trainset="data/lamp/trainset",
    screened="data/lamp/screened.jsonl",
    out="data/lamp/pairs.jsonl",
    metrics="metrics/lamp_pairs.json",
)
def main(seed_folder: Path, trainset: Path, screened: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params, workers
    from .lamp import pairing

    knobs = params.load(Params, "lamp_pairs", params_path)
    rules = pairing.Rules(knobs.seed, knobs.pairs_per_row, tuple(dict.fromkeys(knobs.flaws)))
    rows = training_rows(trainset, screened)
    wanted = first_by_hash([row["id"] for row in rows], knobs.rows, knobs.seed)
    supply = pairing.stock(rows)
    find = partial(pairing.paired, rules=rules, supply=supply, seed_folder=seed_folder)
    tally = Tally(len(rows) - len(wanted))
    found = workers.in_order(find, cases(rows, wanted, rules))
    count = files.write_rows(out, (pair for outcome in found for pair in tally.taken(*outcome)))
    summary = tally.summary()
    files.write_json(metrics, summary)
    click.echo(f"{out}: {count} pairs of {summary['rows_with_pairs']} rows, without {summary['rows_without'] or 0}")


def training_rows(trainset: Path, screened: Path) -> list[Row]:
    """The screened rows that are trained on, in the order of train.jsonl, each with its chat as `messages`.

    Raises UserError for rows that are not in both files, or not the same there, and for validation rows among them.
    """
    from . import files

    path = trainset / "train.jsonl"
    chats = {row["id"]: row["messages"] for row in files.read_rows(path, ("id", "messages"))}
    kept_back = {row["id"] for row in files.read_rows(trainset / "val.jsonl", ("id",))}
    if both := [identity for identity in chats if identity in kept_back]:
        raise UserError(f"{path}: {both[0]} is in val.jsonl too; make both anew (dvc repro lamp_trainset)")
    needed = ("id", "prompt", "category", "response")
    known = {row["id"]: row for row in files.read_rows(screened, needed) if row["id"] in chats}
    for identity, messages in chats.items():
        if identity not in known or known[identity]["response"] != messages[-1]["content"]:
            raise UserError(
                f"{path}: {identity} is not in {screened}, or with another answer;"
                " make both from the same data (dvc repro lamp_trainset)"
            )
    if not chats:
        raise UserError(f"{path}: no rows to make pairs of; see lamp_trainset.versions")
    return [{**known[identity], "messages": messages} for identity, messages in chats.items()]


def first_by_hash(ids: list[str], limit: int, seed: int) -> set[str]:
    """At most `limit` of these ids (0: all), those whose hashes come first."""
    ranked = sorted(ids, key=lambda identity: hashlib.sha256(f"{seed}:{identity}".encode()).digest())
    return set(ranked[: limit or None])


def cases(rows: list[Row], wanted: set[str], rules: Rules) -> Iterator[Case]:
    """What is sent to the workers: each row that is wanted, with the answers that it may get wrongly."""
    from .lamp.pairing import Donors

    donors = Donors(rows)
    for row in rows:
        if row["id"] in wanted:
            yield donors.case(row, row["messages"][:-1], rules)


class Tally:
    """Counts rows and pairs as they go by."""

    def __init__(self, over_limit: int) -> None:
        from .lamp.pairing import Unpaired

        self._without = Counter({Unpaired.OVER_LIMIT.value: over_limit})
        self._flaws: Counter[str] = Counter()
        self._categories: Counter[str] = Counter()
        self._with_pairs = 0

    def taken(self, row: Row, pairs: list[Row], reason: Any) -> list[Row]:
        """The pairs of one row, counted."""
        if reason is not None:
            self._without[reason.value] += 1
        else:
            self._with_pairs += 1
            self._categories[row["category"]] += len(pairs)
            self._flaws.update(pair["flaw"] for pair in pairs)
        return pairs

    def summary(self) -> dict[str, Any]:
        """Counts for metrics/lamp_pairs.json."""
        return {
            "rows": self._with_pairs + self._without.total(),
            "rows_with_pairs": self._with_pairs,
            "rows_without": {reason: count for reason, count in sorted(self._without.items()) if count},
            "pairs": self._flaws.total(),
            "pairs_by_flaw": dict(sorted(self._flaws.items())),
            "pairs_by_category": dict(sorted(self._categories.items())),
        }


if __name__ == "__main__":
    main()
