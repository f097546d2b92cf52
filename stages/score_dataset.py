"""Measure how varied the data set is, and write its data card.

In:   screened.jsonl (rows of any origin: what a row does not say is not counted), data/seed (pictures, scenes)
Out:  metrics (flat, shares 0..1), tables to plot, the data card in Markdown
Holds: nothing is changed or left out; no time and no order of work is in the outputs: the same bytes for any number
      of workers. Figures that need a meaning, a template or a version are null where no row has one.
Run:  python -m stages.score_dataset --screened data/lamp/screened.jsonl
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import stage

if TYPE_CHECKING:
    from .lamp.diversity import Census, Facts, Row

# Longer programs are left out of the card's examples where a category has shorter ones.
_READABLE = 700


@dataclass(frozen=True)
class Params:
    """Section score_dataset of params.yaml; its comments say what each key does."""

    near_duplicate: float
    examples: int
    licence: str


@stage(
    __doc__,
    screened="data/lamp/screened.jsonl",
    seed_folder="data/seed",
    metrics="metrics/score_dataset.json",
    plots="metrics/plots/score_dataset",
    card="metrics/data_card.md",
)
def main(screened: Path, seed_folder: Path, metrics: Path, plots: Path, card: Path, params_path: Path) -> None:
    from . import files, params, workers
    from .lamp import data_card, diversity, taxonomy

    knobs = params.load(Params, "score_dataset", params_path)
    examples = Examples(knobs.examples)
    rows = examples.watching(files.read_rows(screened, ("id", "prompt", "category", "response")))
    facts = workers.in_order(partial(measured, seed_folder=seed_folder), rows)
    census = diversity.Census(facts, taxonomy.load(seed_folder).trained_pictures())
    figures = diversity.figures(census, knobs.near_duplicate)
    files.write_json(metrics, figures)
    write_plots(plots, census)
    write_card(card, data_card.card(census, figures, knobs.licence, examples.chosen()))
    click.echo(line(figures))


def measured(rows: list[Row], seed_folder: Path) -> list[Facts]:
    """The facts of each row."""
    from .lamp import diversity, taxonomy

    words = taxonomy.load(seed_folder)
    return [diversity.facts(row, words) for row in rows]


class Examples:
    """Picks `count` rows of each category, and of the rows over a running program, by their ids alone."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._picked: dict[tuple[str, str], list[tuple[bool, bytes, dict[str, Any]]]] = defaultdict(list)

    def watching(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows as they come; the first to be shown among them are remembered."""
        for row in rows:
            key = ("~over" if "running" in row else str(row["category"]), str(row.get("version", "v1")))
            size = len(row["response"]) + len(row.get("running", ""))
            draw = blake2b(str(row["id"]).encode(), digest_size=8).digest()
            # Insertion into a short sorted list: rows with the same draw keep their order.
            ranked = self._picked[key]
            ranked.append((size > _READABLE, draw, row))
            ranked.sort(key=lambda each: each[:2])
            del ranked[self._count :]
            yield row

    def chosen(self) -> list[Row]:
        """The picked rows by category, those over a running program last."""
        return [row for key in sorted(self._picked) for _, _, row in self._picked[key]]


def write_plots(folder: Path, census: Census) -> None:
    """One CSV for each distribution."""
    import csv

    from . import files
    from .lamp.diversity import tables

    with files.published_folder(folder) as temporary:
        for name, (header, rows) in tables(census).items():
            with (temporary / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
                csv.writer(handle, lineterminator="\n").writerows([header, *rows])


def write_card(path: Path, text: str) -> None:
    """Publish the card."""
    from . import files

    with files.published_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def line(figures: dict[str, Any]) -> str:
    """The result in one line."""
    return (
        f"{figures['rows']} rows, {figures['requests_v1']} + {figures['requests_v2']} requests (v1 + v2):"
        f" {figures['exact_duplicates']} exact duplicates, {figures['near_duplicate_pairs']} near,"
        f" {figures['objects_drawn']} of {figures['objects_in_library']} objects, {figures['languages']} languages"
    )


if __name__ == "__main__":
    main()
