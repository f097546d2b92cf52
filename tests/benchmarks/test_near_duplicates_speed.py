"""What finding near duplicates costs beside a loop over the words of each row, and how many of them are found."""

from __future__ import annotations

import time
from hashlib import sha1
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stages.corpus import near_duplicates

from . import near_rows

ROWS, SHARDS, SAMPLE = 20_000, 4, 1000
LIKENESS = near_duplicates.Likeness(whole=0.8, parts=0.4)
_PRIME = (1 << 61) - 1


def shingled(text: str) -> set[str]:
    words = text.lower().replace(".", " ").split()
    return {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}


def plain_loop(texts: list[str]) -> int:
    """Signatures and bands as datasketch makes them; returns how many rows agree with an earlier one in a band."""
    chance = np.random.default_rng(1)
    factors, summands = chance.integers(1, _PRIME, (2, 126), np.uint64)
    seen: list[set[bytes]] = [set() for _ in range(21)]
    found = 0
    for text in texts:
        hashes = [int.from_bytes(sha1(one.encode()).digest()[:4], "little") for one in shingled(text)]
        mixed = (np.outer(np.array(hashes, np.uint64), factors) + summands) % np.uint64(_PRIME) & np.uint64(0xFFFFFFFF)
        keys = [part.tobytes() for part in mixed.min(axis=0).reshape(21, 6)]
        found += any(key in band for key, band in zip(keys, seen, strict=True))
        for key, band in zip(keys, seen, strict=True):
            band.add(key)
    return found


def test_near_duplicates_are_found_in_a_fraction_of_the_time_of_a_plain_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")  # so that all that it costs is this process's time
    made, planted = near_rows.write_source(tmp_path / "made", ROWS, SHARDS)
    staying = near_rows.staying(made)
    costs = []
    for place in (tmp_path / "first", tmp_path / "again"):  # the first time pays for imports and tables
        place.mkdir()
        start = time.process_time()
        found_in = near_duplicates.find(staying, [made], LIKENESS, "local", place)
        costs.append((time.process_time() - start) / ROWS)
    near, cost = dict(pl.read_parquet(found_in).iter_rows()), costs[-1]
    rows = pl.read_parquet(made.folder / "rows-*.parquet").select(
        "rid", pl.concat_str("instruction", "output", separator=" ")
    )
    texts = dict(rows.iter_rows())
    start = time.process_time()
    plain_loop(list(texts.values())[:SAMPLE])
    plain = (time.process_time() - start) / SAMPLE
    sets = {rid: shingled(texts[rid]) for pair in planted for rid in pair}
    alike = {one: of for one, of in planted if len(sets[one] & sets[of]) >= 0.8 * len(sets[one] | sets[of])}
    found = sum(near.get(one, one) == near.get(of, of) for one, of in alike.items())
    print(f"\n{ROWS:,} rows of {np.mean([*map(len, texts.values())]):.0f} bytes, {len(planted):,} planted,")
    print(f"{len(alike):,} of them at 0.8 or above: {found:,} found, {len(near.keys() - alike.keys())} others;")
    print(
        f"{cost * 1e6:.0f} us a row, a plain loop for the signatures alone {plain * 1e6:.0f} us: 1/{plain / cost:.0f}"
    )
    assert found > 0.98 * len(alike)
    assert near.keys() <= alike.keys()
    assert cost < plain / 2
