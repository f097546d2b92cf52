"""What a release is: one model as a device gets it, in a folder or a tar, and the manifest that says what is in it.

In it lie the GGUF file, the grammar (GBNF), a tokenizer check, the lineage, the model card, `follow_up/` and
`safety/` with a small classifier each where there is one, and manifest.json, in a tar first of all.
Always holds of a manifest that was read: every path stays inside the release, what a release must have is listed,
and name, version and quant can be part of a file's name.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated

import msgspec

from ...errors import UserError

FORMAT = 1
MANIFEST = "manifest.json"
GRAMMAR = "grammar.gbnf"
TOKENIZER_CHECK = "tokenizer_check.json"
LINEAGE = "lineage.json"
CARD = "README.md"
CLASSIFIERS = ("follow_up", "safety")
# What the GGUF file carries of its lineage at least, as metadata `lampforge.*`.
CHAIN = ("trainset", "base", "adapter", "params")

VERSION = r"v\d+\.\d+\.\d+(?:-[0-9A-Za-z][0-9A-Za-z.-]*)?"
MANIFEST_LIMIT = 1 << 20  # bytes; ours have 2,000
_REQUIRED = (GRAMMAR, TOKENIZER_CHECK, LINEAGE, CARD)
_PART = r"\w[\w.-]{0,99}"
_BLOCK = 1 << 20

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, msgspec.Meta(pattern=rf"^{_PART}\Z")]
Version = Annotated[str, msgspec.Meta(pattern=rf"^{VERSION}\Z", max_length=64)]


class Entry(msgspec.Struct, frozen=True):
    """A file of the release."""

    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True):
    """files: by path in the release, all but the manifest itself. gguf: the path of the model.

    classifiers: paths by kind, of those that are there. lineage: hashes of what made the model.
    llama_cpp_python: the version that the release was checked with.
    """

    format: int
    name: Name
    version: Version
    quant: Name
    gguf: str
    classifiers: dict[str, str]
    lineage: dict[str, str]
    llama_cpp_python: str
    files: dict[str, Entry]

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.name} {self.version} ({self.quant})"

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest itself."""
        return sum(entry.bytes for entry in self.files.values())


class _AnyFormat(msgspec.Struct):
    format: int


def read_manifest(data: bytes, where: str) -> Manifest:
    """The manifest that `data` is. Raises UserError, which begins with `where`, for one that is not fit for use."""
    try:
        found = msgspec.json.decode(data, type=_AnyFormat).format
        if found != FORMAT:
            raise UserError(f"{where}: a release of format {found}, and this reads {FORMAT}; update lampforge")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{where}: {MANIFEST} is none of a release ({error}); take what `lampforge bundle` made"
        ) from None
    if defect := _defect(manifest):
        raise UserError(f"{where}: {MANIFEST} {defect}; make the release again with `lampforge bundle`")
    return manifest


def _defect(manifest: Manifest) -> str | None:
    """What is wrong with a manifest of the right types."""
    listed = manifest.files
    for path in listed:
        if path == MANIFEST or not re.fullmatch(rf"(?:(?:{'|'.join(CLASSIFIERS)})/)?{_PART}", path):
            return f"lists {path!r}, which is no path in a release"
    if missing := [path for path in (*_REQUIRED, manifest.gguf) if path not in listed]:
        return f"does not list {', '.join(missing)}"
    if unknown := [kind for kind in manifest.classifiers if kind not in CLASSIFIERS]:
        return f"has a classifier {unknown[0]!r}, which is none of {', '.join(CLASSIFIERS)}"
    if missing := [path for path in manifest.classifiers.values() if path not in listed]:
        return f"does not list {', '.join(missing)}"
    if missing := [key for key in CHAIN if not manifest.lineage.get(key)]:
        return f"has no lineage of {', '.join(missing)}"
    return None


def identity(data: bytes) -> str:
    """The sha256 of a manifest, which stands for every byte of the release."""
    return hashlib.sha256(data).hexdigest()


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
