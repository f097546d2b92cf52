"""Which bytes made which: DVC's hashes computed where no DVC is, and the chain from data to GGUF.

A model folder holds `lineage.json`, a GGUF file the same as metadata under `lampforge.`: hashes only,
nothing that changes between equal runs (no commit, time or path).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .. import files

FILE = "lineage.json"
_BLOCK = 1 << 20


def dvc_hash(path: Path) -> str:
    """The md5 that DVC 3 gives a file, or a folder (which ends in `.dir`).

    A folder's hash is the md5 of the JSON list of its files' hashes and relative paths, sorted by path.
    """
    if not path.is_dir():
        return _md5(path)
    entries = [
        {"md5": _md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    digest = hashlib.md5()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def params_hash(*sections: Any) -> str:
    """sha256 of parameter sections (anything that JSON can say), the same for every order of keys."""
    text = json.dumps(sections, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write(folder: Path, chain: dict[str, str]) -> None:
    """Write the lineage of what is in `folder`: what it was made from, by hash."""
    files.write_json(folder / FILE, dict(sorted(chain.items())))


def read(folder: Path) -> dict[str, str]:
    """The lineage of a model folder. Raises UserError when it has none."""
    return dict(files.read_json(folder / FILE))
