"""A GGUF file whose tokens are not those of the model's training is not made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stages.errors import UserError
from stages.model import agreement, gguf
from tests.model import families


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, trainset: Path) -> Path:
    return families.make_base("tinyllama", trainset, tmp_path_factory.mktemp("agreement"), epochs=0)


@pytest.fixture(scope="module")
def converted(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("converted") / "model.gguf"
    gguf.convert(base, path, "tiny")
    return path


def changed(base: Path, folder: Path, **keys: object) -> Path:
    shutil.copytree(base, folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    return folder


def test_a_file_that_agrees_is_let_pass(base: Path, converted: Path) -> None:
    agreement.refuse_other_ids(base, converted)


def test_a_tokenizer_that_puts_blanks_elsewhere_is_refused_with_the_place(base: Path, tmp_path: Path) -> None:
    other = changed(base, tmp_path / "other", legacy=False)
    with pytest.raises(
        UserError, match=r"llama\.cpp reads other tokens than the model was trained with, behind '.*lamp\.</s>'"
    ) as no:
        gguf.convert(other, tmp_path / "other.gguf", "tiny")
    assert "\n" not in str(no.value)


def test_another_template_is_refused(base: Path, converted: Path, tmp_path: Path) -> None:
    other = changed(base, tmp_path / "other", chat_template="{{ messages[0]['content'] }}")
    with pytest.raises(UserError, match="another chat template"):
        agreement.refuse_other_ids(other, converted)


def test_what_llama_cpp_cannot_load_is_named(base: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(UserError, match=r"broken\.gguf: llama\.cpp cannot load the vocabulary"):
        agreement.refuse_other_ids(base, tmp_path / "broken.gguf")
