"""What a benchmark asks: its own 21 requests, or those of a file that somebody gives.

Comes in: a YAML list of texts or of {prompt: ...}, chat rows as JSON Lines, or a text with one request a line.
Goes out: each request as a text, or as the turns of a chat up to where the lamp answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ... import files
from ...errors import UserError
from .bench import Request

# A link to data/seed/benchmark.yaml; the installed package has the file itself.
OWN = Path(__file__).with_name("benchmark.yaml")


def read(path: Path) -> list[Request]:
    """The requests in a file, one or more. Raises UserError for a file that has none, or something else."""
    if path.suffix in (".yaml", ".yml"):
        entries = _yaml(path)
    elif path.suffix == ".jsonl":
        entries = list(files.read_rows(path))
    else:
        entries = [line.strip() for line in _text(path).splitlines() if line.strip()]
    if not entries:
        raise UserError(f"{path}: no request in it; write one a line")
    return [_request(path, number, entry) for number, entry in enumerate(entries, start=1)]


def said(request: Request) -> str:
    """What was asked, in one text: of a chat the last turn."""
    return request if isinstance(request, str) else request[-1]["content"]


def _yaml(path: Path) -> list[Any]:
    import yaml

    try:
        entries = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}; correct the file") from None
    if not isinstance(entries, list):
        raise UserError(f"{path}: a list of requests is expected, got {type(entries).__name__}; correct the file")
    return entries


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None


def _request(path: Path, number: int, entry: Any) -> Request:
    if isinstance(entry, str) and entry.strip():
        return entry
    if isinstance(entry, dict) and isinstance(prompt := entry.get("prompt"), str) and prompt.strip():
        return prompt
    # The last turn of a chat row is the answer.
    turns = entry.get("messages") if isinstance(entry, dict) else None
    asked = turns[:-1] if isinstance(turns, list) else []
    if not asked or not all(_is_turn(turn) for turn in asked):
        raise UserError(
            f"{path}, entry {number}: no request; it must be a text, have a prompt, or messages that end with an answer"
        )
    return asked


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(isinstance(turn.get(key), str) for key in ("role", "content"))
