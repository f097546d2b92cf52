"""How rows are kept: text once per source, and beside it what is known of each row, narrow enough to read at once.

A source's folder holds
  rows-00000.parquet ...  text, one file per shard, in the published order
  facts.parquet           a line per row: its id, key, size, language and verdict, in parts by the key's first half byte
  lines.parquet           the same without the keys, in the published order
  rejects.jsonl           what became no row: file, record, reason, detail
  report.json             counts and examples
Bytes hang on the rows alone: schema, row groups and the writer's version are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import UserError
from . import keys
from .row import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = 16
"""By the first half byte of a row's key: equal rows are in the same part of all sources."""
ROW_GROUP = 16_384
_SHARD_BITS, _ROW_BITS = 16, 24
MAX_SHARDS, MAX_ROWS = 1 << _SHARD_BITS, 1 << _ROW_BITS

TEXT = ("instruction", "input", "output", "system", "rejected")
_LABELS = ("safety_label", "severity")
_LABEL = pa.dictionary(pa.int32(), pa.string())
ROWS = pa.schema(
    [
        pa.field("rid", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("instruction", "input", "output")),
        pa.field("history", pa.list_(pa.list_(pa.string())), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in ("system", "rejected")),
        *(pa.field(name, _LABEL, nullable=False) for name in _LABELS),
    ]
)
FACTS = pa.schema(
    [
        pa.field("rid", pa.int64(), nullable=False),
        pa.field("key", pa.binary(keys.BYTES), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("bytes", pa.int32(), nullable=False),
        pa.field("lang", _LABEL, nullable=False),
        pa.field("verdict", _LABEL, nullable=False),
    ]
)
LINES = pa.schema(
    [
        pa.field("rid", pa.int64(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
        *(FACTS.field(name) for name in ("tokens", "bytes", "lang", "verdict")),
    ]
)
_LINES_GROUP = 1 << 20
# English text has about four bytes a token in the vocabularies in use; the audit measures it with a real one.
BYTES_A_TOKEN = 4

FACTS_FILE, LINES_FILE, REJECTS_FILE, REPORT_FILE = "facts.parquet", "lines.parquet", "rejects.jsonl", "report.json"


def row_id(priority: int, shard: int, row: int) -> int:
    """The id of a row: the source's priority, the shard and the place in it, so that ids ascend in the order of merit.

    Raises UserError for more shards or rows than ids have room for.
    """
    if shard >= MAX_SHARDS or row >= MAX_ROWS:
        raise UserError(
            f"a source has at most {MAX_SHARDS:,} shards with {MAX_ROWS:,} rows each; make them larger or smaller"
            " (corpus_sources.shard_mb), or cut large files that are not plain JSON Lines"
        )
    return (priority << (_SHARD_BITS + _ROW_BITS)) | (shard << _ROW_BITS) | row


def priority_of(rid: Any) -> Any:
    """The priority of the source that a row id, or a column of them, came from."""
    return rid // (1 << (_SHARD_BITS + _ROW_BITS))


class Encoded(NamedTuple):
    """The text of a row in UTF-8, which is made once."""

    texts: tuple[bytes, bytes, bytes, bytes, bytes]
    """Of the columns in TEXT."""
    turns: tuple[bytes, ...]
    """Of the turns before: user, assistant, user, assistant ..."""


def encoded(row: Row) -> Encoded:
    """The text of a row in UTF-8. Raises UnicodeEncodeError for a lone surrogate."""
    texts = (
        row.instruction.encode(),
        row.input.encode(),
        row.output.encode(),
        row.system.encode() if row.system else b"",
        row.rejected.encode() if row.rejected else b"",
    )
    return Encoded(texts, tuple([part.encode() for turn in row.history for part in turn]) if row.history else ())


def keys_of(rows: Sequence[Encoded]) -> list[bytes]:
    """The keys of rows (see keys.key)."""
    return keys.keys([(*texts[:3], turns, texts[3]) for texts, turns in rows])


def rows_table(first: int, rows: Sequence[Row], texts: Sequence[Encoded] | None = None) -> Any:
    """A table of ROWS. first: the id of the first row; the others follow. Raises UserError where ids run out.

    texts: of the rows, where they are encoded already.
    """
    row_id(priority_of(first), 0, first % MAX_ROWS + max(0, len(rows) - 1))
    texts = [encoded(row) for row in rows] if texts is None else texts
    arrays = {name: _strings([text.texts[place] for text in texts]) for place, name in enumerate(TEXT)}
    arrays |= {name: _labels([getattr(row, name) for row in rows]) for name in _LABELS}
    arrays["rid"] = _numbers(np.arange(first, first + len(rows)), np.int64)
    arrays["history"] = _histories([text.turns for text in texts])
    return pa.Table.from_arrays([arrays[name] for name in ROWS.names], schema=ROWS)


def facts_table(first: int, texts: Sequence[Encoded], verdicts: Sequence[str], langs: Sequence[str]) -> Any:
    """A table of FACTS, in the order of the rows."""
    sizes = np.array([sum(map(len, text.texts[:4])) + sum(map(len, text.turns)) for text in texts], np.int64)
    arrays = [
        _numbers(np.arange(first, first + len(texts)), np.int64),
        pa.Array.from_buffers(FACTS.field("key").type, len(texts), [None, pa.py_buffer(b"".join(keys_of(texts)))]),
        _numbers(-(-sizes // BYTES_A_TOKEN), np.int32),
        _numbers(sizes, np.int32),
        _labels(langs),
        _labels(verdicts),
    ]
    return pa.Table.from_arrays(arrays, schema=FACTS)


# Arrays are put together from their buffers: pa.array looks at each value, and at its first call imports pandas, which
# takes longer than staging a small source.


def _numbers(values: NDArray[Any], kind: type[np.integer[Any]]) -> Any:
    held = np.ascontiguousarray(values, kind)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [None, pa.py_buffer(held)])


def _strings(texts: Sequence[bytes]) -> Any:
    ends = np.cumsum([0, *map(len, texts)])
    if ends[-1] >= 1 << 31:
        return pa.array(texts, pa.string())  # in several chunks
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _labels(values: Sequence[str]) -> Any:
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    numbers = np.array([places[value] for value in values], np.int32)
    return pa.DictionaryArray.from_arrays(_numbers(numbers, np.int32), _strings([name.encode() for name in places]))


def _histories(histories: Sequence[tuple[bytes, ...]]) -> Any:
    turns = np.cumsum([0, *(len(turns) // 2 for turns in histories)])
    texts = _strings([text for turns in histories for text in turns])
    pairs = pa.ListArray.from_arrays(_numbers(np.arange(0, 2 * turns[-1] + 1, 2), np.int32), texts)
    return pa.ListArray.from_arrays(_numbers(turns, np.int32), pairs)


@contextmanager
def parquet(path: Path, schema: Any) -> Iterator[Any]:
    """A writer whose bytes hang on the tables given to it alone; the file is there when all is written."""
    from ... import files

    dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with (
        files.published_file(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=1,  # 4.5 us a row where level 3 takes 7; what leaves the house (writing.py) has level 3
            use_dictionary=dictionaries,
            write_statistics=[field.name for field in schema if pa.types.is_integer(field.type)],
            store_schema=True,
            version="2.6",
        ) as writer,
    ):
        yield writer


def write_facts(path: Path, tables: Sequence[Any]) -> None:
    """Publish facts in PARTS row groups by the first half byte of the key, in each in the order of the ids."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks() if tables else FACTS.empty_table()
    parts = key_bytes(table)[:, 0] >> 4
    with parquet(path, FACTS) as writer:
        for number in range(PARTS):
            places = _numbers(np.flatnonzero(parts == number), np.int64)
            writer.write_table(table.take(places).combine_chunks(), row_group_size=MAX_ROWS)


def write_lines(path: Path, tables: Sequence[Any]) -> None:
    """Publish what an index needs of each row, in the order of the ids: facts in that order, in one file."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks() if tables else FACTS.empty_table()
    # The first eight bytes of the key: what samples are drawn by.
    order = _numbers(key_bytes(table)[:, :8].copy().view(">u8").ravel(), np.uint64)
    columns = [order if name == "order" else table.column(name) for name in LINES.names]
    table = pa.Table.from_arrays(columns, schema=LINES)
    with parquet(path, LINES) as writer:
        writer.write_table(table, row_group_size=_LINES_GROUP)


def key_bytes(table: Any) -> NDArray[np.uint8]:
    """The keys of a table of FACTS, as (rows, 20) bytes."""
    if not table.num_rows:
        return np.empty((0, keys.BYTES), np.uint8)
    chunk = table.column("key").combine_chunks()
    whole = np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, keys.BYTES)
    return whole[chunk.offset : chunk.offset + len(chunk)]


def read_facts(path: Path, part: int, columns: Sequence[str] | None = None) -> Any:
    """The facts of one part, or some columns of them. Raises UserError for a file that is none."""
    try:
        return pq.ParquetFile(path).read_row_group(part, columns)
    except (FileNotFoundError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0]
        raise UserError(f"{path}: not facts of a source ({why}); make them again: dvc repro corpus_sources") from None
