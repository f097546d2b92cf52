"""The corpus held against its targets: what became of each source's items, shares by category, faults.

All counts are integers from the manifest; shares are made of them at the very end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from ..errors import UserError
from .audit_targets import Band, Targets
from .intake.screening import CONTAMINATED
from .merging import Fate


class Outcome(StrEnum):
    """What became of an item, in short; the fates and reject reasons behind it stand in the report."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    """Equal or nearly equal to a row that is kept."""
    SCREENED_OUT = "screened out"
    """A filter said so: too short, a refusal, control tokens and the like."""
    CONTAMINATED = "contaminated"
    """It holds an item of an evaluation set."""
    SET_ASIDE = "set aside"
    """Above a cap, under a licence that is excluded, or not let pass by a review."""
    REJECTED = "rejected"
    """The mapper of its schema could not make a row of it."""


def outcome(fate: str) -> Outcome:
    """The outcome that a fate of the index belongs to; one that the merge does not name is a filter's verdict."""
    if fate == Fate.KEPT:
        return Outcome.KEPT
    if fate in (Fate.DUPLICATE, Fate.NEAR_DUPLICATE):
        return Outcome.DUPLICATE
    if fate in set(Fate):
        return Outcome.SET_ASIDE
    return Outcome.CONTAMINATED if fate.startswith(CONTAMINATED) else Outcome.SCREENED_OUT


class Origin(NamedTuple):
    """A source, and what became of its items."""

    key: str
    report: Mapping[str, Any]
    """What corpus_sources wrote: licence, counts, examples."""
    fates: Mapping[str, int]
    """Rows by fate, as merged."""
    rows: int
    """Those that stay, and their size."""
    tokens: int
    bytes: int

    @property
    def category(self) -> str:
        """What its rows teach."""
        return str(self.report["category"])

    @property
    def staged(self) -> int:
        """Rows that its items became."""
        return sum(self.fates.values())

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Items by outcome; they add up to what was seen."""
        counts = Counter({Outcome.REJECTED: sum(self.report["rejected"].values())})
        for fate, rows in self.fates.items():
            counts[outcome(fate)] += rows
        return counts


def origins(manifest: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> list[Origin]:
    """The sources of a merged corpus, in the order of their priorities.

    reports: of the sources. Raises UserError for one that was made again after the merge.
    """
    found = []
    for report in reports:
        key, merged = report["source"], manifest["sources"][report["source"]]
        origin = Origin(key, report, merged["fates"], merged["rows"], merged["tokens"], merged["bytes"])
        if origin.staged != report["kept"] or report["items"] != origin.outcomes.total():
            raise UserError(
                f"{key}: {report['items']:,} items and {report['kept']:,} rows in its report, {origin.staged:,} rows in"
                " the merged corpus; merge again (dvc repro corpus_merged)"
            )
        found.append(origin)
    return found


class Share(NamedTuple):
    """What one category, or the categories of one band, hold of the corpus."""

    name: str
    categories: tuple[str, ...]
    band: Band | None
    staged: int
    rows: int
    tokens: int
    staged_of: int
    """All rows as staged."""
    rows_of: int
    """All rows that stay."""

    @property
    def before(self) -> float | None:
        """The share of all rows as staged, before screening and deduplication, in per cent."""
        return percent(self.staged, self.staged_of)

    @property
    def after(self) -> float | None:
        """The share of the rows that stay, in per cent."""
        return percent(self.rows, self.rows_of)

    @property
    def off(self) -> int:
        """-1 for below the band, 1 for above it, 0 within it or without one. Decided on integers."""
        if self.band is None or not self.rows_of:
            return 0
        share = 100 * self.rows
        return (share > self.band.high * self.rows_of) - (share < self.band.low * self.rows_of)

    @property
    def correction(self) -> int:
        """Rows to add (or, negative, to take away) until the band is reached, all others staying as they are."""
        if self.band is None or not self.off:
            return 0
        bound = self.band.low if self.off < 0 else self.band.high
        if bound == 100:
            return 0
        rows = (bound * self.rows_of - 100 * self.rows) / (100 - bound)
        return -int(-rows // 1) if rows > 0 else int(rows // 1)


def shares(found: Sequence[Origin], bands: Mapping[str, Band]) -> list[Share]:
    """Each band's share in the order of the bands, then that of each category that no band has."""
    banded = {str(category) for band in bands.values() for category in band.categories}
    free = sorted({origin.category for origin in found if origin.staged} - banded)
    groups: list[tuple[str, tuple[str, ...], Band | None]] = [
        (name, tuple(map(str, band.categories)), band) for name, band in bands.items()
    ]
    return [_share(found, *group) for group in [*groups, *((name, (name,), None) for name in free)]]


def by_category(found: Sequence[Origin]) -> list[Share]:
    """The share of each category that any row came with, the largest first."""
    names = sorted({origin.category for origin in found if origin.staged})
    return sorted((_share(found, name, (name,), None) for name in names), key=lambda share: (-share.rows, share.name))


def _share(found: Sequence[Origin], name: str, categories: tuple[str, ...], band: Band | None) -> Share:
    own = [origin for origin in found if origin.category in categories]
    return Share(
        name, categories, band, sum(origin.staged for origin in own), sum(origin.rows for origin in own),
        sum(origin.tokens for origin in own), sum(origin.staged for origin in found),
        sum(origin.rows for origin in found),
    )  # fmt: skip


def percent(part: int, whole: int) -> float | None:
    """100 part / whole to two digits; None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def faults(found: Sequence[Origin], targets: Targets) -> list[str]:
    """What is not as the targets want it, a line each; the worst kind first."""
    rows, tokens = sum(origin.rows for origin in found), sum(origin.tokens for origin in found)
    if not rows:
        return ["the corpus has no rows"]
    lines = []
    held = [share for share in by_category(found) if share.rows]
    if len(held) < targets.least_categories:
        lines.append(f"{len(held)} categories have rows; at least {targets.least_categories} are wanted")
    for share in held:
        if 100 * share.rows > targets.largest_percent * rows:
            lines.append(f"{share.name} holds {share.after:.2f} % of the rows, more than {targets.largest_percent:g} %")
    lines += [line for share in shares(found, targets.bands) if (line := _off_band(share))]
    average = targets.average_tokens
    if not average.low * rows <= tokens <= average.high * rows:
        lines.append(f"{tokens / rows:,.1f} tokens a row on average; {average.low:g} to {average.high:g} are wanted")
    return lines


def _off_band(share: Share) -> str:
    if share.band is None or not share.off:
        return ""
    more = f"{abs(share.correction):,} rows {'more' if share.off < 0 else 'fewer'} would do"
    return (
        f"{share.name}: {share.after:.2f} % of the rows, {share.band.low:g} to {share.band.high:g} % are wanted; {more}"
    )


def figures(found: Sequence[Origin], targets: Targets) -> dict[str, Any]:
    """The figures that corpus versions are compared by. Percentages of items are of all that was seen; they add up."""
    outcomes = sum((origin.outcomes for origin in found), Counter[Outcome]())
    seen, rows = outcomes.total(), outcomes[Outcome.KEPT]
    tokens = sum(origin.tokens for origin in found)
    largest = max((share.rows for share in by_category(found)), default=0)
    judged = [share for share in shares(found, targets.bands) if share.band]
    return {
        "rows": rows,
        "tokens": tokens,
        "tokens_per_row": round(tokens / rows, 1) if rows else None,
        "sources": sum(origin.rows > 0 for origin in found),
        "categories": sum(share.rows > 0 for share in by_category(found)),
        "largest_share_percent": percent(largest, rows),
        "bands": len(judged),
        "bands_met": sum(bool(rows) and not share.off for share in judged),
        "faults": len(faults(found, targets)),
        "items_seen": seen,
        **{f"{each.replace(' ', '_')}_percent": percent(outcomes[each], seen) for each in Outcome},
    }


def scaled(found: Sequence[Origin], tokens: Callable[[Origin], int]) -> list[Origin]:
    """The same sources with their tokens counted otherwise."""
    return [origin._replace(tokens=tokens(origin)) for origin in found]


def line(known: Mapping[str, Any]) -> str:
    """The result in one line."""
    if not known["rows"]:
        return f"no rows of {known['items_seen']:,} items"
    return (
        f"{known['rows']:,} rows, {known['tokens']:,} tokens, {known['categories']} categories, the largest"
        f" {known['largest_share_percent']:.2f} %; {known['bands_met']} of {known['bands']} bands met,"
        f" {known['duplicate_percent']:.2f} % duplicates, {known['contaminated_percent']:.2f} % contaminated"
    )
