"""Cut the behaviour profiles: mixes that a model takes its manner from, so many rows of each bucket of the corpus.

In:   the corpus (its index) and the sources' rows
Out:  a folder with a folder per profile, part-*.parquet in training order, and report.json (what was wanted, what was
      short, what the written files hold); metrics
Holds: without replacement unless shortfall=repeat; a profile's rows hang on its name, the seed and the corpus alone;
      the same bytes with any number of workers.
Run:  python -m stages.corpus_profiles --merged data/corpus/merged --out data/corpus/profiles
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from .command import stage
from .corpus.mixture import Bucket, Mix


@dataclass(frozen=True)
class Params:
    """Section corpus_profiles of params.yaml; its comments say what each key does."""

    seed: int
    scale: float
    shortfall: Literal["error", "redistribute", "repeat"]
    repeat_limit: int
    executor: Literal["local", "ray"]
    profiles: dict[str, Mix]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    out="data/corpus/profiles",
    metrics="metrics/corpus_profiles.json",
)
def main(sources: Path, merged: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params
    from .corpus import merging, mixing, tasks

    knobs = params.load(Params, "corpus_profiles", params_path)
    buckets = params.value(dict[str, Bucket], "corpus_mixes.buckets", params_path)
    mixing.check(buckets, knobs.profiles, f"{params_path}, corpus_profiles")
    index = merged / merging.INDEX
    cutting = mixing.Cutting(
        sources, index, merging.reports(merged, sources), buckets, knobs.seed, knobs.scale, knobs.shortfall,
        knobs.repeat_limit, knobs.executor,
    )  # fmt: skip
    with tasks.workplace(out, tasks.fingerprint_of([index], knobs, buckets)) as place:
        report = mixing.cut_all(knobs.profiles, cutting, place)
        files.write_json(place / "out" / mixing.REPORT, report)
    files.write_json(metrics, mixing.metrics(report))
    for name, profile in report.items():
        click.echo(mixing.line(name, profile))


if __name__ == "__main__":
    main()
