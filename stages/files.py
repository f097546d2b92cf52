"""Reading rows and publishing outputs: what is written is either whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from .errors import UserError

Row = dict[str, Any]


@contextmanager
def published_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and renamed to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def published_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; on success it takes the place of `path`."""
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Publish `rows` as JSON Lines (UTF-8, keys as given, one row a line). Returns how many."""
    count = 0
    with published_file(path) as temporary, temporary.open("wb") as handle:
        for row in rows:
            handle.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def read_rows(path: Path, required: tuple[str, ...] = ()) -> Iterator[Row]:
    """The rows of a JSON Lines file, in order.

    Raises UserError naming file:line for a missing file, a line that is no JSON object, or a row that
    lacks one of the `required` keys.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; run the stage that makes it (dvc repro), or correct the path")
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            yield _row(f"{path}:{number}", line, required)


def _row(where: str, line: bytes, required: tuple[str, ...]) -> Row:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        start = line[:60].decode(errors="replace").strip()
        raise UserError(f"{where}: not JSON ({error}): {start!r}; correct or delete this line") from None
    if not isinstance(row, dict):
        raise UserError(f"{where}: a row must be a JSON object, got {type(row).__name__}; correct this line")
    missing = [key for key in required if key not in row]
    if missing:
        raise UserError(f"{where}: the row has no {', '.join(missing)} (it has {', '.join(row) or 'no keys'}); add it")
    return row


def write_json(path: Path, value: Any) -> None:
    """Publish `value` as indented JSON, keys as given, with a final newline."""
    with published_file(path) as temporary:
        temporary.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises UserError naming the file."""
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that makes it (dvc repro), or correct the path") from None
    except orjson.JSONDecodeError as error:
        raise UserError(f"{path}: not JSON ({error}); correct the file or make it again") from None
