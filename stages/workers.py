"""Work on rows in several processes, with the same result as in one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_VARIABLE = "LAMPFORGE_WORKERS"
# Fewer rows than this are done sooner than processes are started.
WORTH_IT = 400
_CHUNK = 100


def count() -> int:
    """LAMPFORGE_WORKERS where it is set, else one for each core that this process may use."""
    wanted = os.environ.get(_VARIABLE, "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[list[Item]], list[Result]], items: Iterable[Item]) -> Iterator[Result]:
    """What `function` makes of lists of items, one list behind the other, in the order of the items.

    function: a function of a module (it is sent to other processes) whose result for an item hangs on that
    item alone, so that the results are the same for any number of workers.
    """
    source = iter(items)
    beginning = list(islice(source, WORTH_IT))
    workers = count()
    if workers == 1 or len(beginning) < WORTH_IT:
        for chunk in _chunks(beginning, source):
            yield from function(chunk)
        return
    with ProcessPoolExecutor(workers) as pool:
        # Not pool.map, which takes in all items at once: a few chunks ahead keep the workers busy.
        waiting = []
        for chunk in _chunks(beginning, source):
            waiting.append(pool.submit(function, chunk))
            if len(waiting) > 3 * workers:
                yield from waiting.pop(0).result()
        for last in waiting:
            yield from last.result()


def _chunks(beginning: list[Item], source: Iterator[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(beginning), _CHUNK):
        yield beginning[start : start + _CHUNK]
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
