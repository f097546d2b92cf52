"""Decide which rows of all sources make the corpus: an index of who stays and why the others do not, and a manifest.

In:   the folders that corpus_sources made (their facts and safety labels; text only where near duplicates are sought),
      and the team's reviews
Out:  a folder with index.parquet (a line per row: its id, source, fate, the row that stays instead, size, language)
      and manifest.json (rows, tokens, bytes by category, source, licence and fate; what is reviewed of the safety
      bucket; hashes of inputs and content)
Holds: seen = kept + rejected + removed, for each source; of equal rows the one of the source with the smaller
      priority stays, as of a group of nearly equal ones; the same bytes with any number of workers.
Run:  python -m stages.corpus_merged --sources data/corpus/sources --out data/corpus/merged
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .command import stage
from .corpus.rows.source import Category
from .errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from .corpus.merging import Staged


@dataclass(frozen=True)
class NearDuplicates:
    """Part near_duplicates of the section."""

    enabled: bool
    categories: tuple[Category, ...] | Literal["all"]
    similarity: float
    parts: float


@dataclass(frozen=True)
class Params:
    """Section corpus_merged of params.yaml; its comments say what each key does."""

    caps: dict[str, int]
    exclude_licences: tuple[str, ...]
    unreviewed: Literal["keep", "drop"]
    near_duplicates: NearDuplicates
    executor: Literal["local", "ray"]


@stage(__doc__, sources="data/corpus/sources", reviews="data/seed/corpus/reviews.jsonl", out="data/corpus/merged")
def main(sources: Path, reviews: Path, out: Path, params_path: Path) -> None:
    from . import files, params
    from .corpus import merging, reviewing
    from .corpus.rows import store, tasks

    knobs = params.load(Params, "corpus_merged", params_path)
    staged = declared(sources, params.value(tuple[str, ...], "corpus_sources.sources", params_path))
    check(knobs, staged, params_path)
    unwanted = [source.key for source in staged if source.report["licence"] in knobs.exclude_licences]
    inputs = [*(source.folder / store.FACTS_FILE for source in staged), *reviewing.files_of(reviews)]
    with tasks.workplace(out, tasks.fingerprint_of(inputs, knobs)) as place:
        decided = reviewing.prepared(reviews, staged, knobs.unreviewed, place)
        calls = [
            tasks.Task(f"{part:02}", merging.winners, (part, staged, unwanted, decided, place))
            for part in range(store.PARTS)
        ]
        tasks.run(calls, place / "receipts", knobs.executor, "winners", threaded=True)
        said = [place / f"said-{part:02}.parquet" for part in range(store.PARTS)]
        rows = merging.all_rows(said, staged, unwanted)
        near = nearly_equal(rows, staged, knobs, place)
        counts, content = merging.index(rows, near, knobs.caps, place / "out")
        manifest = merging.manifest(counts, content, staged) | {"safety": reviewing.counted(counts, decided.head)}
        files.write_json(place / "out" / merging.MANIFEST, manifest)
    click.echo(f"{out}: {manifest['rows']:,} rows stay of {manifest['seen']:,} from {len(staged)} sources")


def declared(folder: Path, keys: tuple[str, ...]) -> list[Staged]:
    """The sources of these keys, in the order of their priorities. What else lies in the folder is not read.

    Raises UserError for one that is missing or named twice, for none at all, and for two of one priority.
    """
    from .corpus.merging import Staged

    if not keys or len(set(keys)) < len(keys):
        raise UserError(f"params.yaml, corpus_sources.sources: {'one is named twice' if keys else 'none'}; correct it")
    found = sorted((Staged.read(folder / key) for key in keys), key=lambda source: source.priority)
    for one, other in pairwise(found):
        if one.priority == other.priority:
            raise UserError(
                f"{one.key} and {other.key} have priority {one.priority}; give one of them another in its source.yaml"
            )
    return found


def check(knobs: Params, staged: list[Staged], params_path: Path) -> None:
    """Raises UserError for a cap of no source, a licence that no source has, and a similarity out of bounds."""
    keys = {source.key for source in staged}
    for key, cap in knobs.caps.items():
        if key not in keys:
            raise UserError(
                f"{params_path}, corpus_merged.caps: no source {key!r}; there are {', '.join(sorted(keys))}"
            )
        if cap < 0:
            raise UserError(f"{params_path}, corpus_merged.caps.{key}: {cap} is negative")
    licences = {source.report["licence"] for source in staged}
    for licence in knobs.exclude_licences:
        if licence not in licences:
            raise UserError(
                f"{params_path}, corpus_merged.exclude_licences: no source has {licence!r};"
                f" there are {', '.join(sorted(licences))}"
            )
    near = knobs.near_duplicates
    for name, value, least in (("similarity", near.similarity, 0.5), ("parts", near.parts, 0.0)):
        if not least <= value <= 1:
            raise UserError(f"{params_path}, corpus_merged.near_duplicates.{name}: {value} is not within {least} and 1")


def nearly_equal(rows: pl.DataFrame, staged: list[Staged], knobs: Params, place: Path) -> Path | None:
    """The file of the near duplicates among the rows of the wanted categories, or None if none are sought."""
    from .corpus import merging, near_duplicates

    wanted = knobs.near_duplicates
    if not wanted.enabled:
        return None
    chosen = [one for one in staged if wanted.categories == "all" or one.report["category"] in wanted.categories]
    likeness = near_duplicates.Likeness(wanted.similarity, wanted.parts)
    stays = (rows["fate"] == merging.Fate.KEPT.value) & rows["source"].is_in([one.key for one in chosen])
    return near_duplicates.find(rows["rid"].filter(stays).to_numpy(), chosen, likeness, knobs.executor, place)


if __name__ == "__main__":
    main()
