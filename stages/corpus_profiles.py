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

import click

from .command import stage
from .corpus.mixture import Bucket, Draw, Mix


@dataclass(frozen=True)
class Params(Draw):
    """Section corpus_profiles of params.yaml; its comments say what each key does."""

    profiles: dict[str, Mix]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    out="data/corpus/profiles",
    metrics="metrics/corpus_profiles.json",
)
def main(sources: Path, merged: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import params
    from .corpus import mixing

    knobs = params.load(Params, "corpus_profiles", params_path)
    buckets = params.value(dict[str, Bucket], "corpus_mixes.buckets", params_path)
    mixing.check(buckets, knobs.profiles, f"{params_path}, corpus_profiles")
    for line in mixing.publish(knobs.profiles, buckets, knobs, mixing.Places(sources, merged, out, metrics)):
        click.echo(line)


if __name__ == "__main__":
    main()
