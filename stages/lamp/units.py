"""Requests of many units at once: how many of each, and all of them in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .. import workers
from . import phrasing, taxonomy
from .request import Request


@dataclass(frozen=True)
class Task:
    """One unit's requests to be made. key: version, category, sub-category.

    where: the parameter that holds the quota, for messages; None: fewer do where the phrases run out.
    """

    key: tuple[str, str, str]
    quota: int
    where: str | None
    seed: int
    seed_folder: Path


def scaled(counts: list[int], total: int) -> list[int]:
    """`counts` in the same proportions with the sum `total` (largest remainders); as they are for a total of 0."""
    whole = sum(counts)
    if total == 0 or whole == 0:
        return counts
    exact = [count * total / whole for count in counts]
    rounded = [int(each) for each in exact]
    largest = sorted(range(len(counts)), key=lambda place: (rounded[place] - exact[place], place))
    for place in largest[: total - sum(rounded)]:
        rounded[place] += 1
    return rounded


def generated(tasks: Sequence[Task]) -> Iterator[Request]:
    """The requests of all tasks, in their order; large units are begun first. Raises UserError as `phrasing` does."""
    count = min(workers.count(), len(tasks))
    if count < 2 or sum(task.quota for task in tasks) < workers.WORTH_IT:
        for task in tasks:
            yield from _made(task)
        return
    with ProcessPoolExecutor(count) as pool:
        largest_first = sorted(tasks, key=lambda task: -task.quota)
        results = {task.key: pool.submit(_made, task) for task in largest_first}
        for task in tasks:
            yield from results.pop(task.key).result()


def _made(task: Task) -> list[Request]:
    words = taxonomy.load(task.seed_folder)
    benchmark = task.seed_folder / "benchmark.yaml"
    return list(phrasing.requests(words, words.units[task.key], task.quota, task.seed, benchmark, task.where))
