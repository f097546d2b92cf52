"""A request with its answer as a row to train on."""

from __future__ import annotations

from typing import Any

from .asking import RequestFormat


def chat_row(row: dict[str, Any], asking: RequestFormat) -> dict[str, Any]:
    """One row (id, prompt, category, response, running where a program is) in TRL's conversational form."""
    answer = {"role": "assistant", "content": row["response"]}
    return {
        "id": row["id"],
        "category": row["category"],
        "messages": [*asking.messages(row["prompt"], row.get("running")), answer],
    }
