"""Cut the mixes that a model is trained on in phases: exact counts of each bucket, drawn from the corpus.

In:   the corpus (its index) and the sources' rows
Out:  a folder with a folder per mix, part-*.parquet in training order, and report.json (what was wanted, what was
      short, what the written files hold); metrics
Holds: only rows that stay in the corpus, unless research=true: then the mixes are marked, and no model that is trained
      on them is exported. Without replacement unless shortfall=repeat; a mix's rows hang on its name, the seed and the
      corpus alone; the same bytes with any number of workers.
Run:  python -m stages.corpus_mixes --sources data/corpus/sources --merged data/corpus/merged --out data/corpus/mixes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from .command import stage
from .corpus.mixture import Bucket, Draw, Mix


@dataclass(frozen=True)
class Params(Draw):
    """Section corpus_mixes of params.yaml; its comments say what each key does."""

    research: bool
    buckets: dict[str, Bucket]
    mixes: dict[str, Mix]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    out="data/corpus/mixes",
    metrics="metrics/corpus_mixes.json",
)
def main(sources: Path, merged: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import params
    from .corpus import mixing

    knobs = params.load(Params, "corpus_mixes", params_path)
    mixing.check(knobs.buckets, knobs.mixes, f"{params_path}, corpus_mixes")
    places = mixing.Places(sources, merged, out, metrics)
    for line in mixing.publish(knobs.mixes, knobs.buckets, knobs, places, knobs.research):
        click.echo(line)


if __name__ == "__main__":
    main()
