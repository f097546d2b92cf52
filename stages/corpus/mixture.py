"""Which rows a mix takes: so many of each bucket, drawn by the hash of each row and of the mix, without replacement.

A row's place in the draw hangs on its key, the mix's name and the seed alone: rows that come to the corpus later
push out as many at the border and leave the rest as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

Shortfall = Literal["error", "redistribute", "repeat"]


@dataclass(frozen=True)
class Bucket:
    """Rows that a mix weighs as one kind."""

    categories: tuple[str, ...]
    """Categories of sources (see source.Category); no category is in two buckets."""
    description: str


@dataclass(frozen=True)
class Draw:
    """How rows are drawn, the same for all mixes of a stage: what the parameters of such a stage begin with."""

    seed: int
    scale: float
    shortfall: Shortfall
    repeat_limit: int
    executor: Literal["local", "ray"]


@dataclass(frozen=True)
class Mix:
    """How many rows of which buckets, and how they are trained on."""

    rows: int
    """In all; 0 takes all rows of the buckets that have a weight."""
    weights: dict[str, int]
    """Of the buckets, in per cent; they add up to 100. With rows: 0 any weight means: all of it."""
    epochs: int
    learning_rate: float
    why: str
    categories: tuple[str, ...] = ()
    """Rows of these alone, out of the buckets; none named: of all."""


@dataclass(frozen=True)
class Plan:
    """What a mix takes of a bucket: wanted by its weight, taken in all, of these `repeated` more than once."""

    wanted: int
    available: int
    taken: int
    repeated: int


def quotas(rows: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split `rows` by weights exactly: what is left over goes to the largest remainders, then by name."""
    total = sum(weights.values())
    shares = {name: divmod(rows * weight, total) for name, weight in weights.items()}
    left = rows - sum(whole for whole, _ in shares.values())
    for name in sorted(shares, key=lambda name: (-shares[name][1], name))[:left]:
        shares[name] = (shares[name][0] + 1, 0)
    return {name: whole for name, (whole, _) in shares.items()}


def plan(
    name: str, mix: Mix, rows: int, available: Mapping[str, int], policy: Shortfall, limit: int
) -> dict[str, Plan]:
    """How many rows the mix takes of each bucket.

    rows: in all, as scaled; 0 takes whatever there is.
    policy: what happens where a bucket has too few: error; redistribute what is missing over the others by their
        weights, as far as they have rows; or repeat its rows, each at most `limit` times, and then redistribute.
    Raises UserError where the policy is error, and where a bucket that has a weight has no rows at all.
    """
    weights = {bucket: weight for bucket, weight in mix.weights.items() if weight}
    empty = sorted(bucket for bucket in weights if not available.get(bucket))
    if empty:
        raise UserError(
            f"mix {name}: no rows of {', '.join(empty)} in the corpus; add a source, or set its weight to 0"
        )
    if not rows:
        return {bucket: Plan(available[bucket], available[bucket], available[bucket], 0) for bucket in weights}
    wanted = quotas(rows, weights)
    short = {bucket: available[bucket] for bucket, count in wanted.items() if count > available[bucket]}
    if short and policy == "error":
        lines = ", ".join(f"{bucket} {count:,} of {wanted[bucket]:,}" for bucket, count in sorted(short.items()))
        raise UserError(
            f"mix {name}: too few rows of {lines}; take fewer (corpus_mixes.scale), another weight, or"
            " corpus_mixes.shortfall=redistribute"
        )
    most = {bucket: available[bucket] * (limit if policy == "repeat" else 1) for bucket in weights}
    taken = _within(wanted, weights, most)
    return {
        bucket: Plan(wanted[bucket], available[bucket], taken[bucket], max(0, taken[bucket] - available[bucket]))
        for bucket in weights
    }


def _within(wanted: dict[str, int], weights: dict[str, int], most: dict[str, int]) -> dict[str, int]:
    """What is wanted, at most `most` of each; what is missing is spread over those that have more, by weight."""
    taken = dict(wanted)
    while any(taken[bucket] > most[bucket] for bucket in taken):
        missing = sum(max(0, taken[bucket] - most[bucket]) for bucket in taken)
        taken = {bucket: min(count, most[bucket]) for bucket, count in taken.items()}
        free = {bucket: weights[bucket] for bucket in taken if taken[bucket] < most[bucket]}
        if not free:
            break
        for bucket, more in quotas(missing, free).items():
            taken[bucket] += more
    return taken


def chosen(rows: pl.DataFrame, plans: Mapping[str, Plan], seed: int, name: str) -> pl.DataFrame:
    """The rows of a mix: rid, bucket, lang, rank (its place in the mix) and repeat (0 for the first time it is taken).

    rows: rid, bucket, lang and order (64 bits of the key) of the rows that stay, in the order of their ids.
    """
    import numpy as np
    import polars as pl

    salt = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
    drawn = rows.with_columns(draw=mixed(rows.get_column("order").to_numpy(), salt))
    parts = []
    for bucket, plan in plans.items():
        own = drawn.filter(pl.col("bucket") == bucket)
        for repeat in range(-(-plan.taken // max(1, plan.available))):
            count = min(plan.available, plan.taken - repeat * plan.available)
            part = own if count == own.height else own.bottom_k(count, by=["draw", "rid"])
            place = mixed(part.get_column("draw").to_numpy(), salt + repeat + 1)
            parts.append(
                part.select("rid", "bucket", "lang").with_columns(place=place, repeat=pl.lit(repeat, pl.Int32))
            )
    whole = pl.concat(parts).sort("place", "rid", "repeat")
    return whole.select("rid", "bucket", "lang", "repeat", rank=pl.Series(np.arange(whole.height, dtype=np.int64)))


def mixed(values: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """The values with a salt, well mixed: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    import numpy as np

    with np.errstate(over="ignore"):
        x = values + np.uint64(salt % (1 << 64))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)))


def composition(counts: Mapping[str, int]) -> dict[str, Any]:
    """Rows by bucket with their shares in per cent, as a report shows them."""
    total = sum(counts.values())
    return {name: {"rows": count, "percent": round(100 * count / total, 3)} for name, count in sorted(counts.items())}
