"""The teacher that has answered already: a JSON Lines file of requests and answers, taken as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import files


def answers(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of id, prompt, category, response from rows of prompt, category, response.

    Nothing is checked or mended here beyond being rows: screening judges the answers. A `response` that is
    not a string (a program written as JSON rather than as a string of JSON) is serialised.
    """
    import orjson

    for row in files.read_rows(path, ("prompt", "category", "response")):
        response = row["response"]
        yield {
            "id": "import-" + hashlib.sha1(str(row["prompt"]).encode()).hexdigest()[:12],
            "prompt": row["prompt"],
            "category": row["category"],
            "response": response if isinstance(response, str) else orjson.dumps(response).decode(),
        }
