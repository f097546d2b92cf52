"""Which model answers, and the options that say how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from stages.device import opening
from stages.device.opening import Choice, device_options
from stages.errors import UserError


def choice(**given: Any) -> Choice:
    defaults: dict[str, Any] = dict.fromkeys(Choice.__dataclass_fields__)
    return Choice(**{**defaults, "temperature": 0.0, "safety": "auto", "flashing": False, **given})


def test_a_file_that_was_given_is_taken_with_the_classifiers_beside_it(tmp_path: Path) -> None:
    gguf = tmp_path / "lamp.gguf"
    (tmp_path / opening.SAFETY).parent.mkdir()
    (tmp_path / opening.SAFETY).write_text("{}")
    assert opening.find(gguf, None) == opening.Model(gguf, tmp_path / opening.SAFETY, None)


def test_of_a_folder_the_file_for_the_pi_is_taken(tmp_path: Path) -> None:
    for quant in ("F16", "Q4_K_M"):
        (tmp_path / f"lamp-{quant}.gguf").write_bytes(b"GGUF")
    assert opening.find(tmp_path, None).gguf == tmp_path / "lamp-Q4_K_M.gguf"


def test_in_a_checkout_the_model_that_was_made_there_is_taken_with_its_classifiers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = {"gguf": Path("models/gguf/lamp-Q4_K_M.gguf"), "follow_up": Path("models") / opening.FOLLOW_UP}
    for path in wanted.values():
        path.parent.mkdir(parents=True)
        path.write_bytes(b"GGUF")
    assert opening.find(None, tmp_path / "home") == opening.Model(wanted["gguf"], None, wanted["follow_up"])


def test_no_model_at_all_is_one_line_that_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no model: .* `lampforge fetch BUNDLE`"):
        opening.find(None, tmp_path / "home")


def test_an_open_model_answers(lamp_gguf: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with opening.opened(choice(model=lamp_gguf, threads=1)) as (answerer, decider):
        assert answerer.answer("red").source == "model"
        assert decider is None


def test_the_options_reach_the_command() -> None:
    seen: list[Choice] = []

    @click.command()
    @click.option("--more")
    @device_options
    def command(choice: Choice, more: str) -> None:
        """Something with a model."""
        seen.append(choice)
        click.echo(more)

    arguments = ["--more", "x", "--model", "a.gguf", "--threads", "2", "--allow-flashing", "--safety", "off"]
    result = CliRunner().invoke(command, arguments)
    assert (result.exit_code, result.output) == (0, "x\n")
    assert seen == [choice(model=Path("a.gguf"), threads=2, flashing=True, safety="off")]
