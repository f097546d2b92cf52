"""What the corpus should consist of: bands of categories, limits of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UserError
from .rows.source import Category


@dataclass(frozen=True)
class Band:
    """What share of the rows some categories should hold together, in per cent."""

    categories: tuple[Category, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Average:
    """What the average row should have, in tokens."""

    low: float
    high: float


@dataclass(frozen=True)
class Targets:
    """What the corpus is held against."""

    bands: Mapping[str, Band]
    largest_percent: float
    least_categories: int
    average_tokens: Average


def check(targets: Targets, where: str) -> None:
    """Raises UserError listing each band that cannot be met, each category in two bands, and limits out of range."""
    faults = []
    owner: dict[str, str] = {}
    for name, band in targets.bands.items():
        if not band.categories:
            faults.append(f"bands.{name} has no categories")
        if not 0 <= band.low <= band.high <= 100:
            faults.append(f"bands.{name}: {band.low:g} to {band.high:g} is no range within 0 to 100")
        for category in band.categories:
            if category in owner:
                faults.append(f"category {category} is in bands {owner[category]} and {name}")
            owner[category] = name
    if (least := sum(band.low for band in targets.bands.values())) > 100:
        faults.append(f"the lower ends of the bands add up to {least:g} %")
    if not 0 < targets.largest_percent <= 100:
        faults.append(f"largest_percent: {targets.largest_percent:g} is not within 0 to 100")
    if not 0 <= targets.average_tokens.low <= targets.average_tokens.high:
        faults.append("average_tokens: low is not below high")
    if faults:
        raise UserError(f"{where}: {'; '.join(faults)}. Correct the file or the -S option")
