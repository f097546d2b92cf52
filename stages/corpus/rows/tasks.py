"""Pure tasks over files, on the cores of this machine or on a Ray cluster, with the same bytes on either.

A task is a function of a module with arguments; it writes files of its own under the work folder and returns
something that JSON holds. What it returned is kept there as its receipt, so that a run that was killed goes on
with the tasks that are not finished.
"""

from __future__ import annotations

import gc
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from ... import files, workers
from ...errors import UserError

WORTH_S = 3.0
"""Work of fewer seconds than this is done sooner than processes are started."""

Executor = Literal["local", "ray"]


class Task(NamedTuple):
    """A call: `name` is unique among the tasks of a run, and a file name."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run(tasks: Sequence[Task], receipts: Path, executor: Executor, title: str, threaded: bool = False) -> list[Any]:
    """What the tasks returned, in their order; those that have a receipt are not called again.

    receipts: the folder that they are kept in.
    title: what the progress bar is called.
    threaded: each task uses all cores by itself (Polars does), so that here they run one after the other.
    Raises what a task raises; the others that are running are let finish first.
    """
    receipts.mkdir(parents=True, exist_ok=True)
    results = {task.name: _receipt(receipts, task) for task in tasks}
    pending = [task for task in tasks if results[task.name] is None]
    for name, result in _progress(_finished(pending, receipts, executor, threaded), len(pending), title):
        results[name] = result
    return [results[task.name] for task in tasks]


def _receipt(receipts: Path, task: Task) -> Any:
    file = receipts / f"{task.name}.json"
    return orjson.loads(file.read_bytes()) if file.exists() else None


def _call(task: Task, receipts: Path) -> tuple[str, Any]:
    # A task makes millions of small objects and no cycles: looking for those takes a tenth of its time.
    gc.disable()
    try:
        result = task.function(*task.arguments)
    finally:
        gc.enable()
    files.write_json(receipts / f"{task.name}.json", result)
    return task.name, result


def _finished(tasks: list[Task], receipts: Path, executor: Executor, threaded: bool) -> Iterator[tuple[str, Any]]:
    if executor == "ray":
        yield from _on_ray(tasks, receipts)
        return
    # One after the other here, until what is left is worth the start of other processes.
    for number, task in enumerate(tasks):
        start = time.perf_counter()
        yield _call(task, receipts)
        left = tasks[number + 1 :]
        if (
            not threaded
            and workers.count() > 1
            and len(left) > 1
            and (time.perf_counter() - start) * len(left) > WORTH_S
        ):
            yield from _on_cores(left, receipts)
            return


def _on_cores(tasks: list[Task], receipts: Path) -> Iterator[tuple[str, Any]]:
    # A fork of a process in which Polars or Arrow have started threads may hang: new processes come from a clean one.
    context = get_context("forkserver")
    context.set_forkserver_preload([tasks[0].function.__module__])
    with ProcessPoolExecutor(min(workers.count(), len(tasks)), mp_context=context) as pool:
        calls = [pool.submit(_call, task, receipts) for task in tasks]
        try:
            for call in as_completed(calls):
                yield call.result()
        except BaseException:
            # Not shutdown(cancel_futures=True): it waits for ever where arguments could not be sent (Python 3.11).
            for call in calls:
                call.cancel()
            raise


def _on_ray(tasks: list[Task], receipts: Path) -> Iterator[tuple[str, Any]]:
    """All nodes must see the folders that the tasks read and write under the same paths."""
    try:
        import ray
    except ImportError:
        raise UserError("executor: ray needs the package ray; pip install 'lampforge[ray]', or take local") from None
    if not ray.is_initialized():
        # RAY_ADDRESS names a cluster; without one, Ray starts on this machine.
        ray.init(log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(_root())}})
    remote = ray.remote(max_retries=2)(_call)
    calls = [remote.remote(task, receipts) for task in tasks]
    while calls:
        done, calls = ray.wait(calls)
        try:
            yield ray.get(done[0])
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from None


def _root() -> Path:
    return Path(__file__).resolve().parents[3]


def _progress(finished: Iterator[tuple[str, Any]], count: int, title: str) -> Iterator[tuple[str, Any]]:
    from tqdm import tqdm

    # Not for the many that are done in no time.
    yield from tqdm(finished, total=count, desc=title, unit="task", delay=2.0, disable=None)


@contextmanager
def workplace(out: Path, fingerprint: str) -> Iterator[Path]:
    """Yield a folder beside `out` for the tasks of one run; on success what is in its `out` takes the place of `out`.

    After a kill the same fingerprint finds what was finished; another one begins anew.
    fingerprint: of all that the results hang on; see `fingerprint_of`.
    """
    base = out.with_name(f".{out.name}.parts.tmp")
    mark = base / "fingerprint"
    # A run that was killed behind its very end has moved `out` and left the rest.
    if not mark.exists() or mark.read_text() != fingerprint or not (base / "out").is_dir():
        shutil.rmtree(base, ignore_errors=True)
        (base / "out").mkdir(parents=True)
        with files.published_file(mark) as temporary:
            temporary.write_text(fingerprint)
    yield base
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    (base / "out").replace(out)
    shutil.rmtree(base)


def fingerprint_of(inputs: Sequence[Path], *values: Any) -> str:
    """A hash of the values, of the names, sizes and times of the inputs, and of the corpus package's source."""
    digest = hashlib.sha256()
    for path in inputs:
        stat = path.stat()
        digest.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    for module in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(module.read_bytes())
    digest.update(repr(values).encode())
    return digest.hexdigest()
