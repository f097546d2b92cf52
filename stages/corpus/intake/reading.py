"""The records of a source's files as published: JSON Lines, JSON, CSV and Parquet, plain, gzip or Zstandard.

A file of plain JSON Lines is cut into shards by bytes, so that one large file keeps all workers busy; where the
cuts lie hangs on the file alone. Whatever is no record comes out as a reject: nothing is skipped, nothing raises
but for a file that cannot be read to its end.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from ...errors import UserError
from ..rows.row import Reason, Reject
from .family import Record, shown

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
PACKED = (".gz", ".zst")
# Small enough that two workers hold a few hundred MB with all columns, large enough that a shard takes seconds.
SHARD_BYTES = 64 << 20
# The longest rows of public sets (code files, long chats) have a few MB; a longer line is a broken file.
MAX_LINE = 32 << 20
_BLOCK = 4 << 20
# Below this a JSON array is parsed at once; above, element by element, at a fifth of the speed.
_ARRAY_AT_ONCE = 256 << 20
_SHOWN = 120
# Of a .json file so many lines are looked at for one that is a record.
_LINES = 10
_PARQUET_ROWS = 1024


class Shard(NamedTuple):
    """A part of a file that one task reads: the lines that begin in [start, end), or all of it if end is None."""

    file: Path
    start: int = 0
    end: int | None = None


def shards(files: list[Path], whole_files: bool, shard_bytes: int = SHARD_BYTES) -> list[Shard]:
    """The shards of these files, in order. Raises UserError for a format that is not read."""
    found: list[Shard] = []
    for file in files:
        if not whole_files and _format(file) == (".jsonl", "") and file.stat().st_size > shard_bytes:
            size = file.stat().st_size
            found += [Shard(file, start, min(start + shard_bytes, size)) for start in range(0, size, shard_bytes)]
        else:
            found.append(Shard(file))
    return found


def _format(file: Path) -> tuple[str, str]:
    """What a file holds and how it is packed: (".jsonl", ".gz"). Raises UserError."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKED else ""
    kind = suffixes[-1] if suffixes else ""
    if kind not in SUFFIXES or (packing and kind == ".parquet"):
        raise UserError(
            f"{file}: not a format that is read;"
            f" take {', '.join(SUFFIXES)}, the text ones also as {' or '.join(PACKED)}"
        )
    return (".jsonl" if kind == ".ndjson" else kind), packing


def records(shard: Shard, columns: tuple[str, ...] = ()) -> Iterator[Record | Reject]:
    """The records of a shard, in order.

    columns: the names of a CSV file's columns, where it has no header.
    Raises UserError for a file that is cut off, corrupt or no longer there.
    """
    kind, packing = _format(shard.file)
    with _unbroken(shard.file):
        if kind == ".parquet":
            yield from _parquet(shard.file)
            return
        if kind == ".json":
            yield from _json(shard.file, packing)
            return
        with _opened(shard.file, packing) as stream:
            yield from _csv(stream, columns) if kind == ".csv" else map(_record, _lines(stream, shard))


def records_and_lines(shard: Shard, columns: tuple[str, ...] = ()) -> Iterator[tuple[Record | Reject, bytes]]:
    """As `records`, each with its line as it stands in the file; empty for a reject, and where a format has no lines.

    What a line says and a record cannot hold (a number of 30 digits, a key that comes twice) is in it.
    """
    kind, packing = _format(shard.file)
    if kind != ".jsonl":
        yield from ((record, b"") for record in records(shard, columns))
        return
    with _unbroken(shard.file), _opened(shard.file, packing) as stream:
        for line in _lines(stream, shard):
            yield _record(line), b"" if isinstance(line, Reject) else line.removeprefix(BOM_UTF8).strip()


@contextmanager
def _unbroken(file: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, _zstd_error()) as error:
        raise UserError(f"{file}: cut off or corrupt ({error}); fetch the file again") from None


def _zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError


def _opened(file: Path, packing: str) -> IO[bytes]:
    if packing == ".gz":
        return gzip.open(file, "rb")  # type: ignore[return-value]
    if packing == ".zst":
        return io.BufferedReader(_Whole(file))  # which reads on until it has what was asked for
    return file.open("rb")


class _Whole(io.RawIOBase):
    """A Zstandard file that says so when it ends in the middle of a frame, which the library's reader does not."""

    def __init__(self, file: Path) -> None:
        import zstandard

        self._file = file.open("rb")
        self._new = zstandard.ZstdDecompressor
        self._frame = self._new().decompressobj()
        self._inside = False
        self._ready = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(1 << 20)
            if not packed:
                if self._inside and not self._frame.eof:
                    raise EOFError("the last frame has no end")
                return 0
            if self._frame.eof:
                self._frame = self._new().decompressobj()
            self._inside = True
            self._ready = self._frame.decompress(packed)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def _lines(stream: IO[bytes], shard: Shard) -> Iterator[bytes | Reject]:
    """The lines that begin in a shard, without their ends and less the blank ones; one that is too long is a reject.

    Only a line feed ends a line: U+2028 and its like are text.
    """
    position = shard.start
    if shard.start:
        # The line that the cut lies in belongs to the shard before.
        stream.seek(shard.start - 1)
        position += _passed_over(stream) - 1
    for line, length in _split(stream):
        if shard.end is not None and position >= shard.end:
            return
        position += length + 1
        if length > MAX_LINE:
            yield Reject(Reason.LINE_TOO_LONG, f"{length / 1e6:.0f} MB, of at most {MAX_LINE / 1e6:.0f} MB")
        elif line and not line.isspace() and line != BOM_UTF8:
            yield line


def _passed_over(stream: IO[bytes]) -> int:
    """Go behind the next line end. Returns how many bytes that are."""
    length = 0
    while part := stream.readline(_BLOCK):
        length += len(part)
        if part.endswith(b"\n"):
            break
    return length


def _split(stream: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each line and its length; of one longer than MAX_LINE only the length is true, so that memory stays small."""
    rest, dropped = b"", 0
    while block := stream.read(_BLOCK):
        *lines, last = block.split(b"\n")
        for line in lines:
            whole = rest + line if rest else line
            yield whole, dropped + len(whole)
            rest, dropped = b"", 0
        rest += last
        if len(rest) > MAX_LINE:
            rest, dropped = b"", dropped + len(rest)
    if rest or dropped:
        yield rest, dropped + len(rest)


def _record(line: bytes | Reject) -> Record | Reject:
    if isinstance(line, Reject):
        return line
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if line.startswith(BOM_UTF8):
            return _record(line.removeprefix(BOM_UTF8))
        return _not_json(line, str(error))
    return value if type(value) is dict else _no_object(value)


def _not_json(line: bytes, why: str) -> Reject:
    bad_text = "surrogate" in why or "utf-8" in why.lower()
    shown = line[:_SHOWN].decode(errors="backslashreplace")
    return Reject(Reason.BAD_UNICODE if bad_text else Reason.NOT_JSON, f"{why}: {shown!r}")


def _no_object(value: Any) -> Reject:
    return Reject(Reason.NOT_AN_OBJECT, f"{type(value).__name__}: {shown(value)}")


def _json(file: Path, packing: str) -> Iterator[Record | Reject]:
    """A .json file: an array of records, one record, or, as some publish it, JSON Lines."""
    with _opened(file, packing) as stream:
        start = stream.read(_BLOCK)
    beginning = start.removeprefix(BOM_UTF8).lstrip()
    before = len(start) - len(beginning)
    if beginning.startswith(b"["):
        yield from _array(file, packing, before)
        return
    line, _, further = beginning.partition(b"\n")
    if not further.strip() or type(_record(line)) is not dict:
        with _opened(file, packing) as stream:
            record = _record(stream.read()) if beginning else None
        first = further.split(b"\n", _LINES)
        # One broken line at the beginning does not make an object of the rest.
        if not isinstance(record, Reject) or not any(type(_record(line)) is dict for line in first):
            yield from () if record is None else (record,)
            return
    with _opened(file, packing) as stream:
        yield from map(_record, _lines(stream, Shard(file)))


def _array(file: Path, packing: str, before: int) -> Iterator[Record | Reject]:
    """The records of an array. before: the bytes before its bracket."""
    with _opened(file, packing) as stream:
        whole = stream.read(before + _ARRAY_AT_ONCE)[before:]
    try:
        if len(whole) < _ARRAY_AT_ONCE:
            yield from _at_once(whole)
            return
        del whole
        import ijson

        with _opened(file, packing) as stream:
            stream.read(before)
            yield from map(_element, ijson.items(stream, "item"))
    except (ValueError, RecursionError, _array_error()) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{file}: not JSON ({why}); fetch the file again, or correct it") from None


def _array_error() -> type[Exception]:
    from ijson.common import JSONError

    return JSONError  # type: ignore[no-any-return]


def _at_once(whole: bytes) -> Iterator[Record | Reject]:
    try:
        yield from (value if type(value) is dict else _no_object(value) for value in orjson.loads(whole))
        return
    except orjson.JSONDecodeError as error:
        if "surrogate" not in str(error):
            raise
    # One lone surrogate is no reason to lose an array: Python reads it, and its element becomes a reject.
    import json

    yield from map(_element, json.loads(whole))


def _element(value: Any) -> Record | Reject:
    """An element that another reader than orjson has read, as if orjson had."""
    try:
        value = _as_orjson(value)
        orjson.dumps(value)
    except (OverflowError, RecursionError, TypeError) as error:
        return Reject(Reason.BAD_UNICODE if "UTF-8" in str(error) else Reason.NOT_JSON, f"{error}: {shown(value)}")
    return value if type(value) is dict else _no_object(value)


def _as_orjson(value: Any) -> Any:
    """The value with its numbers as orjson has them: none beyond 64 bits, none decimal."""
    if type(value) is dict:
        return {name: _as_orjson(part) for name, part in value.items()}
    if type(value) is list:
        return [_as_orjson(part) for part in value]
    if isinstance(value, Decimal) or (type(value) is int and not -(1 << 63) <= value < 1 << 64):
        return float(value)
    return value


def _csv(stream: IO[bytes], columns: tuple[str, ...]) -> Iterator[Record | Reject]:
    """Rows of a CSV file as records of text; what stands behind the last column is kept under None."""
    csv.field_size_limit(MAX_LINE)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.DictReader(text, fieldnames=columns or None)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Reject(Reason.NOT_JSON, f"not CSV at line {reader.line_num}: {error}")
            continue
        if row is None:
            return
        yield row if _is_text(row) else Reject(Reason.BAD_UNICODE, f"not UTF-8 at line {reader.line_num}")


def _is_text(row: dict[Any, Any]) -> bool:
    try:
        for name, value in row.items():
            "".join((name or "", *(value if isinstance(value, list) else (value or "",)))).encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet(file: Path) -> Iterator[Record | Reject]:
    import pyarrow
    import pyarrow.parquet

    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(_PARQUET_ROWS):
            yield from _rows(batch)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{file}: not Parquet that can be read ({_first_line(error)}); fetch the file again") from None


def _rows(batch: Any) -> list[Record | Reject]:
    try:
        return batch.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            bad_text = isinstance(error, UnicodeDecodeError)
            return [Reject(Reason.BAD_UNICODE if bad_text else Reason.WRONG_TYPE, _first_line(error)[:_SHOWN])]
    return [row for number in range(batch.num_rows) for row in _rows(batch.slice(number, 1))]


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
