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

from ..errors import UserError
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


class Fact(NamedTuple):
    """What is known of a row, and its text in UTF-8, which is made once."""

    key: bytes
    size: int
    """Of the text, in bytes."""
    texts: tuple[bytes, ...]
    """Of the columns in TEXT."""
    turns: tuple[bytes, ...]
    """Of the turns before: user, assistant, user, assistant ..."""


def fact(row: Row) -> Fact:
    """The key of a row, how many bytes its text has, and that text. Raises UnicodeEncodeError for a lone surrogate."""
    instruction, input, output = row.instruction.encode(), row.input.encode(), row.output.encode()
    system = row.system.encode() if row.system else b""
    rejected = row.rejected.encode() if row.rejected else b""
    size = len(instruction) + len(input) + len(output) + len(system)
    turns: tuple[bytes, ...] = ()
    if row.history:
        turns = tuple(part.encode() for turn in row.history for part in turn)
        size += sum(map(len, turns))
    key = keys.key(instruction, input, output, turns, system)
    return Fact(key, size, (instruction, input, output, system, rejected), turns)


def rows_table(first: int, rows: Sequence[Row], facts: Sequence[Fact] | None = None) -> Any:
    """A table of ROWS. first: the id of the first row; the others follow. Raises UserError where ids run out.

    facts: of the rows, where they are made already.
    """
    row_id(priority_of(first), 0, first % MAX_ROWS + max(0, len(rows) - 1))
    facts = [fact(row) for row in rows] if facts is None else facts
    # Arrow takes bytes as they are, and 8 times as long to encode a Python string.
    arrays = {name: pa.array([fact.texts[place] for fact in facts], pa.string()) for place, name in enumerate(TEXT)}
    arrays |= {
        name: pa.array([getattr(row, name) for row in rows], pa.string()).dictionary_encode() for name in _LABELS
    }
    arrays["rid"] = pa.array(range(first, first + len(rows)), pa.int64())
    arrays["history"] = _histories([fact.turns for fact in facts])
    return pa.table([arrays[name] for name in ROWS.names], schema=ROWS)


def _histories(histories: Sequence[tuple[bytes, ...]]) -> Any:
    # Built from its offsets: Arrow takes ten times as long to find out what nested Python lists are.
    flat: list[bytes] = []
    starts = [0]
    for turns in histories:
        flat.extend(turns)
        starts.append(len(flat) // 2)
    pairs = pa.ListArray.from_arrays(pa.array(range(0, len(flat) + 1, 2), pa.int32()), pa.array(flat, pa.string()))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pairs)


def facts_table(first: int, facts: Sequence[Fact], verdicts: Sequence[str], langs: Sequence[str]) -> Any:
    """A table of FACTS, in the order of the rows."""
    sizes = pa.array([fact.size for fact in facts], pa.int32())
    arrays = [
        pa.array(range(first, first + len(facts)), pa.int64()),
        pa.array([fact.key for fact in facts], pa.binary(keys.BYTES)),
        pa.array([-(-fact.size // BYTES_A_TOKEN) for fact in facts], pa.int32()),
        sizes,
        pa.array(langs, pa.string()).dictionary_encode(),
        pa.array(verdicts, pa.string()).dictionary_encode(),
    ]
    return pa.table(arrays, schema=FACTS)


@contextmanager
def parquet(path: Path, schema: Any) -> Iterator[Any]:
    """A writer whose bytes hang on the tables given to it alone; the file is there when all is written."""
    from .. import files

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
            writer.write_table(table.filter(pa.array(parts == number)).combine_chunks(), row_group_size=MAX_ROWS)


def write_lines(path: Path, tables: Sequence[Any]) -> None:
    """Publish what an index needs of each row, in the order of the ids: facts in that order, in one file."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks() if tables else FACTS.empty_table()
    # The first eight bytes of the key: what samples are drawn by.
    order = pa.array(key_bytes(table)[:, :8].copy().view(">u8").ravel().astype("u8"), pa.uint64())
    table = pa.table([order if name == "order" else table.column(name) for name in LINES.names], schema=LINES)
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
