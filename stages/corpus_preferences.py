"""Take pairs of a better and a worse answer out of the corpus, the best ones of each category, for DPO.

In:   the corpus (its index) and the sources' rows: those that stay and have a rejected answer
Out:  a folder with train.parquet (TRL's conversational preference format: prompt, chosen and rejected as lists of
      {role, content}, and metadata) and report.json; metrics
Holds: pairs seen = kept + dropped (by reason), for each category and source; pairs are ranked by margin, equal ones by
      the row's hash, so the seed and the corpus decide; the same bytes with any number of workers.
Run:  python -m stages.corpus_preferences --sources data/corpus/sources --merged data/corpus/merged
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import click
from annotated_types import Ge

from .command import stage
from .corpus import scoring


@dataclass(frozen=True)
class Params:
    """Section corpus_preferences of params.yaml; its comments say what each key does."""

    seed: int
    per_category: Annotated[int, Ge(1)]
    scorer: scoring.Name
    likelihood: scoring.Knobs
    executor: Literal["local", "ray"]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    out="data/corpus/preferences",
    metrics="metrics/corpus_preferences.json",
)
def main(sources: Path, merged: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params
    from .corpus import merging, preferences, writing
    from .corpus.rows import tasks

    knobs = params.load(Params, "corpus_preferences", params_path)
    scoring.check(knobs.scorer, knobs.likelihood)
    origins = writing.origins(sources, merging.reports(merged, sources))
    index = merged / merging.INDEX
    ranking = preferences.Ranking(index, knobs.scorer, knobs.likelihood, knobs.per_category, knobs.seed, knobs.executor)
    # The rows too: a rejected answer is not in a row's key, so another one leaves the index as it was.
    inputs = [index, *(origin.file for origin in origins), *scoring.files_of(knobs.scorer, knobs.likelihood)]
    with tasks.workplace(out, tasks.fingerprint_of(inputs, knobs)) as place:
        report = preferences.cut(origins, ranking, place)
        files.write_json(place / "out" / preferences.REPORT, report)
    files.write_json(metrics, preferences.metrics(report))
    click.echo(f"{out}: {preferences.line(report)}")


if __name__ == "__main__":
    main()
