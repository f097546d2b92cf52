"""Before a release is used: its model is loaded and answers, and what is of another make is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages.device.generate import Generator
from stages.device.releases import release, verifying
from stages.errors import UserError
from tests.device.conftest import SYSTEM, TinyModel
from tests.device.releases import making


@pytest.fixture
def folder(old_tar: Path, tmp_path: Path) -> Path:
    return making.unpacked(old_tar, tmp_path / "release")


def refused(folder: Path) -> str:
    """The one line, once all sums are right again."""
    with pytest.raises(UserError) as caught:
        verifying.refuse_other_model(folder, verifying.refuse_other_files(folder))
    line = str(caught.value)
    assert "\n" not in line
    return line


def edit(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))
    making.sign_again(folder)


def test_a_release_as_it_was_made_passes(folder: Path) -> None:
    verifying.refuse_other_model(folder, verifying.refuse_other_files(folder))


@pytest.mark.parametrize("key", release.CHAIN)
def test_a_model_of_another_lineage_is_refused(folder: Path, key: str) -> None:
    lineage = json.loads((folder / release.LINEAGE).read_bytes()) | {key: "0" * 32}
    edit(folder, release.LINEAGE, **{key: "0" * 32})
    making.sign_again(folder, lineage=lineage)
    assert f"made of another {key} (" in refused(folder)


def test_lineage_that_the_model_does_not_have_is_refused(folder: Path) -> None:
    lineage = json.loads((folder / release.LINEAGE).read_bytes()) | {"data.more": "0" * 32}
    edit(folder, release.LINEAGE, **lineage)
    making.sign_again(folder, lineage=lineage)
    assert "no 'lampforge.data.more'" in refused(folder)


def test_a_file_with_another_lineage_than_the_manifest_is_refused(folder: Path) -> None:
    edit(folder, release.LINEAGE, base="0" * 32)
    assert "another lineage than its manifest.json" in refused(folder)


def test_other_tokens_than_where_it_was_made_are_refused(folder: Path) -> None:
    check = json.loads((folder / release.TOKENIZER_CHECK).read_bytes())
    check["texts"][7]["tokens"].append(3)
    edit(folder, release.TOKENIZER_CHECK, **check)
    assert f"other tokens of {check['texts'][7]['text']!r} here than where the release was made" in refused(folder)


def test_a_model_that_answers_with_no_program_is_refused(folder: Path) -> None:
    (folder / release.GRAMMAR).write_text('root ::= "{}"\n')
    making.sign_again(folder)
    assert "answers 'warm and cosy' with no valid program ($.program: missing-field" in refused(folder)


@pytest.mark.parametrize("grammar", ["root ::= (", "", "no grammar at all"])
def test_a_grammar_that_is_none_is_refused(folder: Path, grammar: str) -> None:
    (folder / release.GRAMMAR).write_text(grammar)
    making.sign_again(folder)
    assert "cannot be used here (llama.cpp cannot parse this grammar" in refused(folder)


def test_a_file_that_is_no_model_is_refused(folder: Path) -> None:
    (folder / "lamp-nano-Q4_K_M.gguf").write_bytes(b"GGUF" + bytes(1000))
    making.sign_again(folder)
    assert "lamp-nano-Q4_K_M.gguf: cannot be loaded" in refused(folder)


def test_a_long_system_prompt_finds_room(
    taught_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def noted(generator: Generator, prompt: list[int], gguf: Path) -> None:
        asked.append((generator.n_ctx, len(prompt)))

    # This model has not learnt to answer behind so long a prompt.
    monkeypatch.setattr(verifying, "_refuse_invalid_answer", noted)
    models = making.model_folder(tmp_path / "models", taught_model.q4_k_m, SYSTEM * 80)
    making.bundled(models, tmp_path / "release.tar")
    [(context, tokens)] = asked
    assert 2048 - verifying.MOST_TOKENS < tokens <= context - verifying.MOST_TOKENS
