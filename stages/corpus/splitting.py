"""A file of rows split by bucket: the pure task `split` for one shard, and its results put together by `combined`.

A part holds the records as they were published, one a line; where several make one row (the remarks of a
conversation), all of them go where that row belongs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from .. import files
from . import canonical
from .buckets import bucket_of
from .intake import reading
from .intake.family import Family, Record, shown
from .recognising import KNOWN, Schema
from .rows.row import Reason, Reject, Row

EXAMPLES = 3
"""Rejects of each reason that a report shows."""
REJECTS = "rejects.jsonl"
_BLOCK = 1 << 20
# What tells the records of a conversation apart from those of the next, in the sets that spread one over several.
_CONVERSATION = ("message_tree_id", "dialogue_id", "conv_id", "conversation_id")

Decided = tuple[str, str]
"""A bucket, and the rule that decided for it."""
Read = tuple[Record | Reject, bytes]
"""A record with its line."""


class Job(NamedTuple):
    """What the shards of a file have in common."""

    schema: Schema
    columns: tuple[str, ...]
    """Of a CSV file without a header."""
    owner: dict[str, str]
    """The bucket of each category, for rows that state theirs."""
    folder: Path | None
    """Where the pieces of the parts are written; None: rows are only counted."""
    watched: bool
    """Show how many rows are done: for a file that is not cut into several shards."""


class _Count:
    """What a shard gave so far, and the files that it is written to."""

    def __init__(self, job: Job, number: int, shard: reading.Shard, open_files: ExitStack) -> None:
        self._folder, self._number, self._files = job.folder, number, open_files
        self._parts: dict[str, IO[bytes]] = {}
        self.file, self.records = shard.file.name, 0
        self.rules: dict[str, Counter[str]] = {}
        self.bytes: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.examples: dict[str, list[tuple[int, str]]] = {}

    def take(self, line: bytes, decided: Decided) -> None:
        bucket, rule = decided
        self.rules.setdefault(bucket, Counter())[rule] += 1
        self.bytes[bucket] += len(line)
        self._write(f"{bucket}-{self._number:05}.jsonl", line)

    def reject(self, reject: Reject) -> None:
        reason = reject.reason.value
        self.rejected[reason] += 1
        line = {"file": self.file, "record": self.records, "reason": reason, "detail": reject.detail}
        self._write(f"rejects-{self._number:05}.jsonl", orjson.dumps(line) + b"\n")
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append((self.records, reject.detail))

    def _write(self, name: str, line: bytes) -> None:
        if self._folder is None:
            return
        if name not in self._parts:
            self._parts[name] = self._files.enter_context((self._folder / name).open("wb"))
        self._parts[name].write(line)


def split(job: Job, number: int, shard: reading.Shard) -> dict[str, Any]:
    """Write the records of a shard to a piece for each bucket; returns the counts."""
    family = KNOWN[job.schema.family]
    with ExitStack() as open_files:
        count = _Count(job, number, shard, open_files)
        for read in _conversations(_watched(reading.records_and_lines(shard, job.columns), job), job):
            decided = _decided([record for record, _ in read if isinstance(record, dict)], family, job)
            for record, line in read:
                count.records += 1
                _counted(record, line, decided, count)
    return {
        "file": count.file,
        "records": count.records,
        "rules": {bucket: dict(rules) for bucket, rules in count.rules.items()},
        "bytes": dict(count.bytes),
        "rejected": dict(count.rejected),
        "examples": count.examples,
    }


def _counted(record: Record | Reject, line: bytes, decided: Decided | Reject, count: _Count) -> None:
    if isinstance(record, Reject):
        count.reject(record)
    elif isinstance(decided, Reject):
        count.reject(decided)
    elif written := line or _json(record):
        count.take(written + b"\n", decided)
    else:
        count.reject(Reject(Reason.WRONG_TYPE, f"a field that JSON cannot hold: {shown(record)}"))


def _watched(records: Iterator[Read], job: Job) -> Iterator[Read]:
    if not job.watched:
        return records
    from tqdm import tqdm

    return iter(tqdm(records, desc="split", unit=" rows", delay=2.0, disable=None))


def _conversations(records: Iterable[Read], job: Job) -> Iterator[list[Read]]:
    """The records that rows are made of: each alone, or those of a conversation that lie one behind the other."""
    if not KNOWN[job.schema.family].whole_files:
        for read in records:
            yield [read]
        return
    keys = tuple(filter(None, (getattr(job.schema.options, "conversation", ""), *_CONVERSATION)))
    for _, together in groupby(enumerate(records), lambda pair: _conversation(pair[0], pair[1][0], keys)):
        yield [read for _, read in together]


def _conversation(position: int, record: Record | Reject, keys: tuple[str, ...]) -> Any:
    if isinstance(record, dict):
        for key in keys:
            value = record.get(key)
            if isinstance(value, str | int):
                return key, value
    return position


def _decided(records: list[Record], family: Family, job: Job) -> Decided | Reject:
    """Where the records belong: the bucket of most rows that they make, or why they make none."""
    options = job.schema.options
    items = family.items(records, options) if family.items else records
    mapped = [family.map(item, options) for item in items]
    rows = [row for row in mapped if isinstance(row, Row)]
    if not rows:
        rejects = [row for row in mapped if isinstance(row, Reject)]
        return rejects[0] if rejects else Reject(Reason.MISSING_FIELD, f"no rows in {shown(records)}")
    if job.schema.family == canonical.NAME and (bucket := job.owner.get(canonical.category_of(records[0]))):
        return bucket, "category"
    decided = [bucket_of(row) for row in rows]
    # Of equally many the first.
    most = Counter(bucket for bucket, _ in decided).most_common(1)[0][0]
    return most, next(rule for bucket, rule in decided if bucket == most)


def _json(record: Record) -> bytes:
    """The record on a line, or nothing for what JSON cannot hold."""
    try:
        # A CSV row keeps what stands behind its last column under None.
        return orjson.dumps(record, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return b""


def sha256(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def summed(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows, bytes and rules by bucket, and rejects by reason, of all shards.

    counts: of `split`, each with the number of its input.
    """
    rules: dict[str, Counter[str]] = {}
    size, rejected = Counter[str](), Counter[str]()
    examples: dict[str, list[str]] = {}
    for count, before in zip(counts, _before(counts), strict=True):
        for bucket, found in count["rules"].items():
            rules.setdefault(bucket, Counter()).update(found)
        size.update(count["bytes"])
        rejected.update(count["rejected"])
        for reason, known in count["examples"].items():
            so_far = examples.setdefault(reason, [])
            so_far += [
                f"{count['file']}, record {before + record}: {detail}"
                for record, detail in known[: EXAMPLES - len(so_far)]
            ]
    return {
        "records": sum(count["records"] for count in counts),
        "rows": sum(sum(found.values()) for found in rules.values()),
        "buckets": {
            bucket: {
                "rows": sum(found.values()),
                "bytes": size[bucket],
                "rules": dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))),
            }
            for bucket, found in sorted(rules.items())
        },
        "rejected": dict(sorted(rejected.items())),
        "examples": dict(sorted(examples.items())),
    }


def combined(folder: Path, out: Path, buckets: Iterable[str], counts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Put the pieces of each part together in the order of the shards; returns the parts' hashes.

    folder: the pieces. out: where the parts and rejects.jsonl go. Interrupted, it can be called again.
    """
    hashes = {}
    for bucket in buckets:
        pieces = (folder / f"{bucket}-{number:05}.jsonl" for number in range(len(counts)))
        digest = hashlib.sha256()
        with files.published_file(out / f"{bucket}.jsonl") as temporary, temporary.open("wb") as part:
            for piece in filter(Path.exists, pieces):
                with piece.open("rb") as source:
                    while block := source.read(_BLOCK):
                        digest.update(block)
                        part.write(block)
        hashes[bucket] = digest.hexdigest()
    files.write_rows(out / REJECTS, _rejects(folder, counts))
    return hashes


def _rejects(folder: Path, counts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rejects of all shards, with the place of each record in its file instead of that in its shard."""
    for number, before in enumerate(_before(counts)):
        piece = folder / f"rejects-{number:05}.jsonl"
        if piece.exists():
            for reject in files.read_rows(piece):
                yield reject | {"record": reject["record"] + before}


def _before(counts: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """How many records of its file lie before each shard."""
    read: Counter[int] = Counter()
    for count in counts:
        yield read[count["input"]]
        read[count["input"]] += count["records"]
