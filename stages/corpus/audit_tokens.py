"""How many tokens a corpus has for a certain tokenizer: measured on a sample of each category, scaled by bytes.

The sample hangs on the rows' ids alone. Text is read one row group at a time, of groups that hold a sampled row.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from . import audit_index
from .mixture import mixed
from .rows import store

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

Counting = Callable[[Sequence[str]], int]
"""How many tokens texts have in all, without the marks that a chat template adds."""

_TEXT = ("instruction", "input", "output", "system", "history")
_SALT = int.from_bytes(hashlib.sha256(b"corpus_audit").digest()[:8], "big")


def counting(tokenizer: str) -> Counting:
    """A tokenizer: a tokenizer.json, a model's folder, or the id of a model on the hub.

    Raises UserError for one that cannot be loaded.
    """
    file = Path(tokenizer)
    try:
        return _of_file(file) if file.is_file() else _of_model(tokenizer)
    except Exception as error:  # the tokenizers library raises Exception itself
        why = " ".join(str(error).split())[:300]
        raise UserError(
            f"corpus_audit.tokenizer: {tokenizer!r} cannot be loaded ({why}); name a tokenizer.json, a model's folder"
            " or a model on the hub, or null for an estimate"
        ) from None


def _of_file(file: Path) -> Counting:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(file))
    # A file may say that texts are cut or filled up to one length.
    loaded.no_truncation()
    loaded.no_padding()
    return lambda texts: sum(len(one.ids) for one in loaded.encode_batch(list(texts), add_special_tokens=False))


def _of_model(name: str) -> Counting:
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(name)

    def count(texts: Sequence[str]) -> int:
        encoded = loaded(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
        return sum(map(len, encoded["input_ids"]))

    return count


def rates(
    merged: Path, sources: Path, reports: Sequence[Mapping[str, Any]], count: Counting, sample: int
) -> dict[str, audit_index.Rate]:
    """By category: the tokens and the bytes of its sampled rows.

    sample: rows of each category that are looked at; fewer where there are fewer.
    Raises UserError where the sources' rows are not those of the merged corpus.
    """
    import polars as pl

    category_of = {report["source"]: report["category"] for report in reports}
    key_of = {report["priority"]: report["source"] for report in reports}
    drawn = sampled(audit_index.kept(merged, category_of, "rid", "bytes"), sample)
    tokens = Counter[str]()
    for (number,), rows in drawn.group_by(pl.col("rid") // store.MAX_ROWS, maintain_order=True):
        key = key_of[store.priority_of(rows.item(0, "rid"))]
        file = sources / key / f"rows-{number % store.MAX_SHARDS:05}.parquet"
        for texts in texts_of(file, rows.get_column("rid").to_numpy()):
            tokens[category_of[key]] += count(texts)
    sizes = drawn.group_by("category").agg(pl.col("bytes").cast(pl.Int64).sum())
    return {str(name): (tokens[str(name)], max(size, 1)) for name, size in sorted(sizes.iter_rows())}


def sampled(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """`count` rows of each category by the hash of their ids, in the order of the ids. rows: rid, category and more."""
    import polars as pl

    draw = mixed(rows.get_column("rid").to_numpy().astype("u8"), _SALT)
    drawn = rows.with_columns(draw=draw)
    parts = [own.bottom_k(count, by=["draw", "rid"]) for own in drawn.partition_by("category")]
    return pl.concat([drawn.clear(), *parts]).drop("draw").sort("rid")


def texts_of(file: Path, rids: NDArray[np.int64]) -> Iterator[list[str]]:
    """The text fields of these rows of a file, a row group at a time.

    Raises UserError for a file that is not there or in which the rows are others.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    groups, places = np.divmod(rids % store.MAX_ROWS, store.ROW_GROUP)
    try:
        parquet = pq.ParquetFile(file)
        for group in np.unique(groups):
            here = groups == group
            table = parquet.read_row_group(int(group), columns=["rid", *_TEXT]).take(pa.array(places[here]))
            if table.column("rid").to_pylist() != rids[here].tolist():
                raise pa.ArrowInvalid("its rows are others")
            yield _flat(table)
    except (FileNotFoundError, IndexError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0]
        raise UserError(
            f"{file}: not the rows that were merged ({why}); merge again (dvc repro corpus_merged)"
        ) from None


def _flat(table: Any) -> list[str]:
    import pyarrow.compute as pc

    turns: list[str] = pc.list_flatten(pc.list_flatten(table.column("history"))).to_pylist()
    return [text for name in _TEXT[:-1] for text in table.column(name).to_pylist() if text] + turns
