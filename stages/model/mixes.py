"""The rows of a mix of the corpus as chats, and which of them are kept back to validate with.

A mix is a folder of part-*.parquet whose rows have instruction, input, output, history (turns before, oldest first),
system and _id, beside others in a folder with report.json, which says how each is to be trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import files
from ..errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

    from .training import TooLong

REPORT = "report.json"
_COLUMNS = ("_id", "instruction", "input", "output", "history", "system")
_BATCH = 1024

Message = dict[str, str]


def report(folder: Path) -> dict[str, Any]:
    """What the report beside a mix says of it. Raises UserError when the mix is not there."""
    path = folder.parent / REPORT
    if not path.exists():
        raise UserError(f"{path}: no such file, so no mixes are there; make them (dvc repro), or correct the path")
    known = files.read_json(path)
    if folder.name not in known or not list(folder.glob("part-*.parquet")):
        raise UserError(f"{folder}: no such mix; there are {', '.join(sorted(known))}")
    return dict(known[folder.name])


def messages(row: dict[str, Any]) -> list[Message]:
    """The chat that a row is: what is instructed first, then what it is about."""
    chat = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for asked, answered in row["history"] or ():
        chat += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [*chat, {"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a mix in their order, each as id and messages. Raises UserError for a file that is none of a mix."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("part-*.parquet")):
        try:
            table = pq.ParquetFile(path)
            missing = sorted(set(_COLUMNS) - set(table.schema_arrow.names))
            if missing:
                raise UserError(f"{path}: has no column {', '.join(missing)}; make the mix again")
            for batch in table.iter_batches(_BATCH, columns=list(_COLUMNS)):
                for row in batch.to_pylist():
                    yield {"id": row["_id"], "messages": messages(row)}
        except pa.ArrowException as error:
            why = str(error).partition("\n")[0]
            raise UserError(f"{path}: not a Parquet file ({why}); make the mix again") from None


def kept_back(folder: Path, share: float, seed: int) -> set[str]:
    """The ids of the rows to validate with: those whose hash is low, in every mix the same rows; at least one."""
    hashes = {row["id"]: _hash(row["id"], seed) for row in rows(folder)}
    if len(hashes) < 2:
        raise UserError(f"{folder}: {len(hashes)} different rows; a phase needs one to learn and one to validate with")
    chosen = {identity for identity, value in hashes.items() if value < share * 2**64}
    return chosen or {min(hashes, key=lambda identity: hashes[identity])}


def _hash(identity: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:validation:{identity}".encode()).digest()[:8], "big")


def datasets(
    tokenizer: Any, folder: Path, context: int, too_long: TooLong, share: float, seed: int
) -> tuple[Dataset, Dataset, int]:
    """As training.datasets: rows to learn, rows to validate with, and how many of the former are too long."""
    from . import training

    kept = kept_back(folder, share, seed)
    sides = []
    for validates in (False, True):
        side = (row for row in rows(folder) if (row["id"] in kept) == validates)
        sides.append(training.tokenised(tokenizer, side, str(folder), context, True, too_long))
        if not len(sides[-1][0]):
            what = "to validate with" if validates else "to learn"
            raise UserError(
                f"{folder}: no row {what} fits into {context} tokens; raise the context, or cut a larger mix"
            )
    (taught, longer), (validation, _) = sides
    return taught, validation, longer
