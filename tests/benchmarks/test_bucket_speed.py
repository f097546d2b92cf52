"""What it costs to say which bucket a row of 1,100 characters belongs to, and how often that is right."""

from __future__ import annotations

import time

import orjson

from stages.corpus.buckets import bucket_of
from stages.corpus.intake.families.registry import FAMILIES
from stages.corpus.rows.row import Row
from tests.benchmarks import raw_rows
from tests.corpus.bucket_samples import DEVELOPED_ON, agreement, bundled, confusion, real, table

ROWS, ROUNDS = 1000, 7
MOST = 30.0
"""Microseconds a row may take."""


def made() -> list[Row]:
    """Rows of prose in four schemas. Hardly a rule holds for them, so that nearly all are tried."""
    rows = []
    for file, schema in enumerate(raw_rows.SCHEMAS):
        family = FAMILIES[schema]
        found = (family.map(orjson.loads(line), family.options()) for line in raw_rows.lines(file, ROWS))
        rows += [row for row in found if isinstance(row, Row)]
    return rows


def cost(rows: list[Row]) -> float:
    """Microseconds a row, in the best of some rounds: what others do on the machine is no cost of the rules."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for row in rows:
            bucket_of(row)
        rounds.append((time.process_time() - start) / len(rows) * 1e6)
    return min(rounds)


def size(rows: list[Row]) -> float:
    return sum(len(row.instruction) + len(row.input) + len(row.output) for row in rows) / len(rows)


def test_a_bucket_costs_at_most_thirty_microseconds() -> None:
    samples = bundled()
    for name, chosen in (
        ("developed on", [each for each in samples if each.key in DEVELOPED_ON]),
        ("the others", [each for each in samples if each.key not in DEVELOPED_ON]),
    ):
        found = confusion(chosen)
        print(f"\n{name}: {agreement(found):.1%} agree with the categories\n{table(found)}")
    groups = {"made": made(), "bundled": [row for each in samples for row in each.rows]}
    if chats := real("hh_rlhf/*.jsonl", "transcript"):
        groups["hh_rlhf"] = chats
    costs = {name: cost(rows) for name, rows in groups.items()}
    for name, value in costs.items():
        print(f"{name}: {value:.1f} us a row of {size(groups[name]):.0f} characters ({len(groups[name])} rows)")
    assert costs["made"] <= MOST
