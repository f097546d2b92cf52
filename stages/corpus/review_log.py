"""The team's decisions on rows of the safety bucket: append-only, in git, each line chained to the one before.

    reviews.jsonl        a decision a line, with the hash of the line before
    reviews.head.json    how many lines there are, and the hash of the last one

Whoever changes, removes, adds or moves a line breaks the chain or leaves the head behind. What a row was decided to
be changes by a further line alone: of several on one key the last one counts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import msgspec

from .. import files
from ..errors import UserError
from .intake.safety import Severity

START = "0" * 64
"""What the first line has for the hash of the line before it."""


class Decision(StrEnum):
    """What a person makes of a row."""

    ACCEPT = "accept"
    REJECT = "reject"
    RELABEL = "relabel"
    """Accepted, under another severity."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the log."""

    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]
    """The SHA-1 of the canonical row (see keys.py), in hex."""
    decision: Decision
    severity: Severity | None
    """RELABEL: the new one; else what it was when the row was looked at, null where it had none."""
    reviewer: Annotated[str, msgspec.Meta(min_length=1)]
    date: str
    """ISO 8601, UTC."""
    note: str
    previous: str
    """SHA-256 of the line before, without its end, in hex."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a log ends: how many entries, and the hash of the last one."""

    entries: int
    last: str


def now() -> str:
    """The date of an entry that is made now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def head_file(path: Path) -> Path:
    """The file beside a log that says where it ends."""
    return path.with_suffix(".head.json")


def read(path: Path) -> tuple[list[Entry], Head]:
    """All entries, oldest first, and the end; none for a log that is not there.

    Raises UserError naming the first line that does not follow the one before it, and for an end that is not what
    the head says. One line more than the head knows is in order: a run was killed between the two.
    """
    entries, end = chained(path)
    known = _known_head(head_file(path))
    before = Head(end.entries - 1, entries[-1].previous) if entries else end
    if known not in (end, before):
        raise UserError(
            f"{path}: ends with decision {end.entries}, {head_file(path).name} says {known.entries}"
            f"{' with another hash' if known.entries == end.entries else ''}; its last lines were changed, removed or"
            " added by hand: restore both files (git log -p shows what was there)"
        )
    return entries, end


def chained(path: Path) -> tuple[list[Entry], Head]:
    """As `read`, without a look at the head file: for a log of another branch. Raises UserError for a broken chain."""
    content = path.read_bytes() if path.exists() else b""
    entries: list[Entry] = []
    last = START
    # Behind the last line end is what a killed run left of a line; the next one takes its place.
    for number, line in enumerate(content.rpartition(b"\n")[0].split(b"\n") if content else (), start=1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}:{number}: no decision ({error}); restore the file (git log -p)") from None
        if entry.previous != last:
            raise UserError(
                f"{path}:{number}: does not follow the line before it: one was changed, removed, moved or added by"
                " hand. Restore the file (git log -p), and take another branch's decisions by: lampforge review --adopt"
            )
        entries.append(entry)
        last = _hash(line)
    return entries, Head(len(entries), last)


def latest(entries: Sequence[Entry]) -> dict[str, Entry]:
    """What counts for each key: the last entry on it."""
    return {entry.key: entry for entry in entries}


class Log:
    """A log that is open for writing. See `opened`. entries: all of them, oldest first."""

    def __init__(self, path: Path, handle: IO[bytes]) -> None:
        self._path, self._handle = path, handle
        self.entries, self._end = read(path)
        whole = path.read_bytes().rfind(b"\n") + 1
        handle.truncate(whole)

    def append(
        self, key: str, decision: Decision, severity: Severity | None, reviewer: str, note: str, date: str = ""
    ) -> None:
        """Write an entry down, for good: it is on the disk when this returns. date: now, if there is none."""
        entry = Entry(key, decision, severity, reviewer, date or now(), note, self._end.last)
        line = msgspec.json.encode(entry)
        self._handle.write(line + b"\n")
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._end = Head(self._end.entries + 1, _hash(line))
        files.write_json(head_file(self._path), msgspec.structs.asdict(self._end))
        self.entries.append(entry)

    def adopt(self, others: Sequence[Entry]) -> tuple[int, list[str]]:
        """Append another log's entries that this one lacks; returns how many, and the keys they are at odds on."""
        own = {_said(entry) for entry in self.entries}
        before = latest(self.entries)
        new = [entry for entry in others if _said(entry) not in own]
        for entry in new:
            self.append(entry.key, entry.decision, entry.severity, entry.reviewer, entry.note, entry.date)
        at_odds = {
            entry.key
            for entry in new
            if entry.key in before
            and (entry.decision, entry.severity) != (before[entry.key].decision, before[entry.key].severity)
        }
        return len(new), sorted(at_odds)


@contextmanager
def opened(path: Path) -> Iterator[Log]:
    """The log, verified, and locked against other reviewers on this machine. Raises UserError as `read` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        try:
            # Released by the operating system when the process ends, however it ends.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path}: another review is under way; wait until it is done") from None
        yield Log(path, handle)


def _said(entry: Entry) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(entry, previous=""))


def _known_head(path: Path) -> Head:
    if not path.exists():
        return Head(0, START)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not the head of a log ({error}); restore the file (git checkout)") from None


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
