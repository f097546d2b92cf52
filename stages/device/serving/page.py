"""The files of the page, read once: a handful of kilobytes, and no path from a client ever reaches the disk."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import Response

FOLDER = Path(__file__).with_name("lamp_page")
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def files() -> dict[str, Response]:
    """The answer for each file of the page, by its name."""
    # After an update the page must not be half the old one.
    headers = {"cache-control": "no-cache"}
    return {
        path.name: Response(path.read_bytes(), headers=headers, media_type=_KINDS[path.suffix])
        for path in sorted(FOLDER.iterdir())
        if path.suffix in _KINDS
    }
