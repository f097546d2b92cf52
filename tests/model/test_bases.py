"""The table of bases, and base.json in a model folder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pytest

from stages import params
from stages.errors import UserError
from stages.model import bases
from stages.model.bases import Entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table() -> dict[str, Entry]:
    return params.value(dict[str, Entry], "model_base.bases", ROOT / "params.yaml")


def test_the_table_has_nano_and_the_models_that_lamps_are_made_of(table: dict[str, Entry]) -> None:
    assert {name: entry.hub for name, entry in table.items()} == {
        "nano": None,
        "llama-3.2-3b": "meta-llama/Llama-3.2-3B-Instruct",
        "gemma-3-4b": "google/gemma-3-4b-it",
        "phi-4-mini": "microsoft/Phi-4-mini-instruct",
        "tinyllama-1.1b": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    }
    assert {name for name, entry in table.items() if entry.gated} == {"llama-3.2-3b", "gemma-3-4b"}


def test_no_base_pads_with_what_ends_an_answer(table: dict[str, Entry]) -> None:
    assert not [name for name, entry in table.items() if entry.stop == entry.pad]


def test_a_base_is_found_by_its_name(table: dict[str, Entry]) -> None:
    assert bases.chosen(table, "phi-4-mini", False) is table["phi-4-mini"]
    assert bases.chosen(table, "phi-4-mini", True) is table["phi-4-mini"]
    assert bases.chosen(table, "nano", False) is table["nano"]


def test_an_unknown_base_is_refused_with_the_known_ones(table: dict[str, Entry]) -> None:
    with pytest.raises(UserError, match=r"model_base\.base: 'phi-5' is none of nano, llama-3\.2-3b, .*tinyllama") as no:
        bases.chosen(table, "phi-5", False)
    assert "\n" not in str(no.value)


def test_what_is_made_here_has_no_miniature(table: dict[str, Entry]) -> None:
    with pytest.raises(UserError, match=r"model_base\.miniature: nano has none.*; set it to false"):
        bases.chosen(table, "nano", True)


def test_what_is_written_into_a_folder_is_read_from_it(table: dict[str, Entry], tmp_path: Path) -> None:
    base = bases.described("gemma-3-4b", table["gemma-3-4b"], False, "a" * 40)
    bases.write(tmp_path, base)
    assert bases.read(tmp_path) == base
    said = orjson.loads((tmp_path / "base.json").read_bytes())
    assert said == {**asdict(base), "target_modules": list(base.target_modules)}
    assert said.items() >= {"name": "gemma-3-4b", "licence": "gemma", "revision": "a" * 40, "miniature": False}.items()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "not what model_base writes"),
        (b"[]", "not what model_base writes"),
        (b'{"name":"nano"}', "not what model_base writes"),
        (b"\xff", "not what model_base writes"),
    ],
)
def test_a_folder_that_does_not_say_what_it_is_must_be_made_again(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / bases.FILE).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"base\.json: {said}.*; make the base again with `dvc repro model_base`"
    ) as no:
        bases.read(tmp_path)
    assert "\n" not in str(no.value)


def test_a_key_too_many_is_no_base(table: dict[str, Entry], tmp_path: Path) -> None:
    bases.write(tmp_path, bases.described("nano", replace(table["nano"]), False, None))
    path = tmp_path / bases.FILE
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "colour": "red"}))
    with pytest.raises(UserError, match="not what model_base writes"):
        bases.read(tmp_path)
