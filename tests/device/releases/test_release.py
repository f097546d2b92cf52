"""The manifest of a release: what is read, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stages.device.releases.release import identity, read_manifest
from stages.errors import UserError

ENTRY = {"sha256": "a" * 64, "bytes": 7}
GOOD: dict[str, Any] = {
    "format": 1,
    "name": "lamp-nano",
    "version": "v1.0.0",
    "quant": "Q4_K_M",
    "gguf": "lamp-nano-Q4_K_M.gguf",
    "classifiers": {"safety": "safety/safety.json"},
    "lineage": {"trainset": "t", "base": "b", "adapter": "a", "params": "p"},
    "llama_cpp_python": "0.3.36",
    "files": {
        path: ENTRY
        for path in (
            "README.md", "grammar.gbnf", "lamp-nano-Q4_K_M.gguf", "lineage.json", "safety/safety.json",
            "tokenizer_check.json",
        )
    },
}  # fmt: skip


def read(**changes: Any) -> Any:
    return read_manifest(json.dumps(GOOD | changes).encode(), "x.tar")


def with_path(path: str) -> dict[str, Any]:
    return {**GOOD["files"], path: ENTRY}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD["files"].items() if name != key}


def test_a_manifest_says_what_the_release_is_and_how_large() -> None:
    manifest = read()
    assert manifest.title == "lamp-nano v1.0.0 (Q4_K_M)"
    assert manifest.size == 42
    assert manifest.files["safety/safety.json"].sha256 == "a" * 64


def test_what_a_later_version_adds_to_a_manifest_does_no_harm() -> None:
    assert read(mood="cosy").name == "lamp-nano"


@pytest.mark.parametrize(
    "path",
    ["../evil", "/etc/passwd", "safety/../../evil", "safety//x", "elsewhere/x", ".hidden", "a\\b", "", "safety/",
     "manifest.json", "safety/a/b", "x\n", "a" * 101],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(UserError, match="which is no path in a release"):
        read(files=with_path(path))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"format": 2}, "a release of format 2, and this reads 1; update lampforge"),
        ({"format": None}, "manifest.json is none of a release"),
        ({"version": "../../v1"}, "manifest.json is none of a release"),
        ({"version": "v1.0.0\n"}, "manifest.json is none of a release"),
        ({"name": "a/b"}, "manifest.json is none of a release"),
        ({"name": ".."}, "manifest.json is none of a release"),
        (
            {"files": with_path("more") | {"more": {"sha256": "A" * 64, "bytes": 1}}},
            "manifest.json is none of a release",
        ),
        (
            {"files": with_path("more") | {"more": {"sha256": "a" * 64, "bytes": -1}}},
            "manifest.json is none of a release",
        ),
        ({"gguf": "other.gguf"}, "does not list other.gguf"),
        ({"files": without("grammar.gbnf")}, "does not list grammar.gbnf"),
        ({"files": without("tokenizer_check.json")}, "does not list tokenizer_check.json"),
        ({"files": without("safety/safety.json")}, "does not list safety/safety.json"),
        ({"classifiers": {"mood": "README.md"}}, "has a classifier 'mood'"),
        ({"lineage": {"trainset": "t", "base": "b", "adapter": "a"}}, "has no lineage of params"),
        ({"lineage": {"trainset": "", "base": "b", "adapter": "a", "params": "p"}}, "has no lineage of trainset"),
    ],
)
def test_a_manifest_that_is_not_fit_for_use_is_refused(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as caught:
        read(**changes)
    assert str(caught.value).startswith("x.tar: ")
    assert line in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match=r"manifest.json is none of a release"):
        read_manifest(data, "x.tar")


def test_the_identity_changes_with_every_byte() -> None:
    assert identity(b"{}") != identity(b"{} ")
