"""What you get without a model: the answer of the training request that says most nearly the same."""

from __future__ import annotations

from pathlib import Path

from rapidfuzz import fuzz, process

from .. import files
from .held_out import content_words


def nearest_answers(prompts: list[str], train_file: Path) -> list[str]:
    """For each prompt the answer of the training request whose content words are most similar.

    train_file: chat rows. Raises UserError for a file that is missing or broken.
    """
    rows = [row["messages"] for row in files.read_rows(train_file, ("messages",))]
    asked = [_plain(row[-2]["content"]) for row in rows]
    found = (process.extractOne(_plain(prompt), asked, scorer=fuzz.token_sort_ratio) for prompt in prompts)
    return [rows[match[2]][-1]["content"] for match in found]


def _plain(text: str) -> str:
    """A request's content words: what the wrapping sentence and politeness add would only blur the search."""
    return " ".join(sorted(content_words(text)))
