"""Turn one source's files, as published, into canonical rows with what is known of each; count what becomes none.

In:   a folder with source.yaml (where the source is, its schema family, category, cap, licence), and the raw files
Out:  a folder with rows-*.parquet (text), facts.parquet (id, key, size, language and verdict of each row),
      rejects.jsonl (what became no row, with the reason) and report.json (counts, examples)
Holds: items = kept + rejected; a row's bytes hang on its item, the source's entry and the parameters alone, not on
      workers or shards run before; after a kill, finished shards are not read again.
Run:  python -m stages.corpus_sources --entry data/seed/corpus/sources/gsm8k --out data/corpus/sources/gsm8k
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .command import stage
from .corpus.intake.quality import Limits
from .errors import UserError

MEGABYTE = 1 << 20

if TYPE_CHECKING:
    from .corpus.intake.reading import Shard
    from .corpus.intake.staging import Job


@dataclass(frozen=True)
class Params:
    """Section corpus_sources of params.yaml; its comments say what each key does."""

    sources: tuple[str, ...]
    provider: Literal["bundled", "local", "hub"]
    raw_folder: str
    unavailable: Literal["skip", "error"]
    executor: Literal["local", "ray"]
    shard_mb: int
    screened: bool
    limits: Limits
    evaluation_copies: str


@click.option("--hangs-on", expose_value=False, hidden=True, help="For DVC: the knobs, so that it notices a change.")
@stage(
    __doc__,
    entry="data/seed/corpus/sources/alpaca_cleaned",
    raw="data/seed/corpus/sources/alpaca_cleaned",
    evaluations="data/seed/corpus/evaluations",
    copies="data/seed/corpus/evaluations",
    out="data/corpus/sources/alpaca_cleaned",
)
def main(entry: Path, raw: Path, evaluations: Path, copies: Path, out: Path, params_path: Path) -> None:
    from . import params
    from .corpus.intake import entry as entries
    from .corpus.intake import pinning, providers, sources_report, staging
    from .corpus.rows import tasks

    knobs = params.load(Params, "corpus_sources", params_path)
    described, options = entries.load(entry)
    screening = staging.Screening(knobs.limits, evaluations, copies) if knobs.screened else None
    # By default two pairs of these are one folder each.
    inputs = sorted({path for folder in (entry, raw, evaluations, copies) for path in folder.rglob("*")})
    inputs += [pinning.beside(entry.parent)] if knobs.provider == "hub" else []
    with tasks.workplace(out, tasks.fingerprint_of(inputs, knobs, described, options)) as place:
        counts, unavailable = [], ""
        try:
            files = providers.files_of(knobs.provider, entry, raw, described)
            counts = staged(files, knobs, staging.Job(described, options, screening, place / "out"), place / "receipts")
        except providers.UnavailableError as error:
            unavailable = str(error)
            if knobs.unavailable == "error":
                raise UserError(f"{entry.name}: {error}; corpus_sources.unavailable=skip goes on without it") from None
        report = sources_report.finished(place / "out", entry.name, described, counts, unavailable)
    click.echo(sources_report.line(report))


def staged(files: Iterator[Path], knobs: Params, job: Job, receipts: Path) -> list[dict[str, Any]]:
    """The counts of the shards, as many as the cap needs; their rows, facts and rejects are in the job's folder."""
    from .corpus.intake import reading
    from .corpus.intake.families.registry import FAMILIES
    from .corpus.intake.staging import stage
    from .corpus.rows import tasks

    family, cap = job.source.family, job.source.cap
    whole = FAMILIES[family].whole_files
    shards = (shard for file in files for shard in reading.shards([file], whole, knobs.shard_mb * MEGABYTE))
    taken: list[Shard] = []
    counts: list[dict[str, Any]] = []
    # By waves, as how many shards the cap needs is only known when some are read.
    while wave := list(islice(shards, wave_of(cap, counts))):
        calls = [
            tasks.Task(f"{number:05}", stage, (job, number, shard)) for number, shard in enumerate(wave, len(taken))
        ]
        taken += wave
        counts += tasks.run(calls, receipts, knobs.executor, family)
    for number, rest in over_the_cap(cap, counts):
        cut = tasks.Task(f"{number:05}-cut", stage, (job, number, taken[number], rest))
        counts[number:] = tasks.run([cut], receipts, "local", family)
    return counts


def wave_of(cap: int, counts: list[dict[str, Any]]) -> int:
    """How many further shards to read: as many as the cap needs if they are like those before."""
    from . import workers

    kept = sum(count["kept"] for count in counts)
    if kept >= cap:
        return 0
    if not kept:
        return 4 * workers.count()
    wanted = math.ceil((cap - kept) * len(counts) / kept)
    return int(max(workers.count(), wanted))


def over_the_cap(cap: int, counts: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """The shard that the cap falls into, and how many of its rows are still wanted; nothing below the cap."""
    for number, count in enumerate(counts):
        if count["kept"] > cap or (count["kept"] == cap and number + 1 < len(counts)):
            yield number, cap
            return
        cap -= count["kept"]


if __name__ == "__main__":
    main()
