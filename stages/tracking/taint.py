"""Data that is for research alone, and what was trained on it: a mark that goes along and keeps models from export.

Mixes that may hold rows which people rejected, or have not looked at, are marked where they are written: in report.json
and in each Parquet file. Training writes the mark of its inputs into its output as taint.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import files
from ..errors import UserError

RESEARCH = "research"
"""The mark of mixes that are cut with corpus_mixes.research=true."""
FIELD = "taint"
"""The key of the mark in taint.json and in report.json, there for all or for each mix."""
PARQUET_KEY = "lampforge.taint"
"""The key of the mark in a Parquet file's key-value metadata."""
FILE = "taint.json"
_REPORT = "report.json"


def of(*folders: Path) -> str | None:
    """The mark of the first of these folders that has one; None: all are clean.

    folders: of data or of a model; one that is not there has no mark. Raises UserError for a mark that cannot be read:
    what is not known to be clean is not taken for clean.
    """
    return next((mark for folder in folders for mark in _marks(folder)), None)


def write(folder: Path, mark: str | None) -> None:
    """Mark what is in a folder; None leaves it clean."""
    if mark is not None:
        files.write_json(folder / FILE, {FIELD: mark})


def refuse_tainted(folder: Path, what: str) -> None:
    """Raises UserError for a folder that has a mark. what: is not made of it, such as "no GGUF file"."""
    mark = of(folder)
    if mark is not None:
        raise UserError(
            f"{folder}: marked {mark!r}, it holds or was trained on rows for research alone; {what} is made of it."
            " Cut the mix with corpus_mixes.research=false and train again"
        )


def _marks(folder: Path) -> Iterator[str]:
    """The marks in a folder, those that are read soonest first."""
    for name in (FILE, _REPORT):
        if (folder / name).exists():
            yield from _in_json(folder / name)
    for path in sorted(folder.rglob("*.parquet")):
        yield from _in_parquet(path)


def _in_json(path: Path) -> Iterator[str]:
    report: Any = files.read_json(path)
    if not isinstance(report, dict):
        raise UserError(f"{path}: no JSON object, so it may hide the mark of research data; make it again")
    for entry in (report, *report.values()):
        if isinstance(entry, dict) and entry.get(FIELD):
            yield str(entry[FIELD])
    if path.name == FILE and not report.get(FIELD):
        raise UserError(f"{path}: has no {FIELD!r}; restore the file, or train again")


def _in_parquet(path: Path) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
    except pa.ArrowException as error:
        why = str(error).partition("\n")[0]
        raise UserError(f"{path}: not a Parquet file ({why}); make it again") from None
    if mark := metadata.get(PARQUET_KEY.encode()):
        yield mark.decode(errors="replace")
