"""The stage model_base: parameters, mistakes, and what is published (training itself: test_flow.py)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages import files, model_base, params
from stages.errors import UserError
from stages.lamp import asking
from stages.model import bases
from stages.tracking import lineage, taint
from tests.model import families, model_hub
from tests.model.conftest import ASKING, chat_rows
from tests.model.conftest import trainset as rows_alone

__all__ = ["chat_rows", "rows_alone"]  # fixtures

ROOT = Path(__file__).resolve().parents[1]
SECTION = yaml.safe_load((ROOT / "params.yaml").read_text())["model_base"]


@pytest.fixture(scope="module")
def trainset(rows_alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small training set, with how requests are put."""
    folder = tmp_path_factory.mktemp("trainset")
    shutil.copytree(rows_alone, folder, dirs_exist_ok=True)
    files.write_json(folder / asking.FILE, asdict(ASKING))
    (folder / "primer.jsonl").touch()
    return folder


def load(folder: Path, **changes: Any) -> model_base.Params:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"model_base": {**SECTION, **changes}}))
    return params.load(model_base.Params, "model_base", path)


def test_the_repositorys_own_parameters_are_right() -> None:
    knobs = params.load(model_base.Params, "model_base", ROOT / "params.yaml")
    # Else Q4_K_M falls back to larger types.
    assert knobs.hidden_size % 256 == knobs.intermediate_size % 256 == 0
    assert knobs.heads % knobs.kv_heads == 0


def test_mistakes_in_the_parameters_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        load(tmp_path, layers="four", vocabulary=2048.5, depth=3, unpinned="perhaps")
    for said in ("layers: ", "vocabulary: ", "depth is unknown", "unpinned: "):
        assert said in str(refused.value)


def knobs(**changes: Any) -> model_base.Params:
    own = params.load(model_base.Params, "model_base", ROOT / "params.yaml")
    return replace(own, **changes)


def test_what_is_published_is_the_model_the_tokenizer_as_trained_what_it_is_and_its_lineage(
    tmp_path: Path, trainset: Path
) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "left over").touch()
    own, chain = knobs(vocabulary=1024, epochs=0, threads=1), {"trainset": "a", "params": "b"}
    base = bases.described("nano", own.bases["nano"], False, None)
    finish = partial(model_base.complete, base, trainset / asking.FILE, chain)
    data = (trainset, trainset / "primer.jsonl")
    made = model_base.train(own, own.bases["nano"], data, tmp_path, finish, tmp_path / "base")
    assert {path.name for path in (tmp_path / "base").iterdir()} == {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.model",
        "tokenizer_config.json",
        asking.FILE,
        "base.json",
        "lineage.json",
    }
    for name in ("tokenizer.model", "tokenizer_config.json"):
        assert (tmp_path / "base" / name).read_bytes() == (tmp_path / "tokenizer" / name).read_bytes()
    assert (lineage.read(tmp_path / "base"), bases.read(tmp_path / "base")) == (chain, base)
    assert made == (
        {
            "rows": 0, "rows_too_long": 0, "tokens": 0, "steps": 0, "parameters": made[0]["parameters"],
            "trained_parameters": 0, "train_loss": None, "val_loss": None,
        },
        [],
    )  # fmt: skip
    assert made[0]["parameters"] > 1e6


def test_the_lineage_of_nano_hangs_on_its_own_knobs_alone() -> None:
    own = knobs()
    nano = model_base.what_counts(own, own.bases["nano"])
    assert nano == {
        key: value for key, value in SECTION.items() if key not in ("base", "miniature", "unpinned", "bases")
    }
    assert model_base.what_counts(replace(own, unpinned="allow"), own.bases["nano"]) == nano


def test_the_lineage_of_a_model_from_the_hub_hangs_on_its_row_alone() -> None:
    own = knobs(base="phi-4-mini")
    row = own.bases["phi-4-mini"]
    counted = model_base.what_counts(own, row)
    assert counted == {"base": "phi-4-mini", **asdict(row)}
    assert model_base.what_counts(replace(own, layers=9), row) == counted
    assert model_base.what_counts(own, replace(row, revision="1" * 40)) != counted


def test_the_lineage_of_a_miniature_hangs_on_its_row_and_the_knobs_that_it_has() -> None:
    own = knobs(base="phi-4-mini", miniature=True)
    row = own.bases["phi-4-mini"]
    counted = model_base.what_counts(own, row)
    assert model_base.what_counts(replace(own, layers=9), row) == counted
    assert model_base.what_counts(replace(own, vocabulary=999), row) != counted
    assert counted["miniature"]
    assert counted["family"] == "phi4"


def stage(hub: str, folder: Path, trainset: Path, changes: dict[str, Any], **how: Any) -> tuple[int, str]:
    """The stage, run with these parameters against this hub, in `folder`."""
    load(folder, **changes)
    options = {"trainset": trainset, "primer": trainset / "primer.jsonl", "out": "base", "metrics": "m.json"}
    options |= {"curves": "curves", "checkpoints": "c"}
    command = ["-m", "stages.model_base", "--params", str(folder / "params.yaml")]
    command += [part for name, path in options.items() for part in (f"--{name}", str(folder / path))]
    return model_hub.run(hub, folder, *command, **how)


def test_a_base_from_the_hub_is_what_its_pinned_revision_holds(tmp_path: Path, trainset: Path) -> None:
    source = families.make_base("tinyllama", trainset, tmp_path / "made", epochs=0)
    published = {path.name: path.read_bytes() for path in source.iterdir() if path.name != "base.json"}
    name = "tinyllama-1.1b"
    table = {**SECTION["bases"], name: {**SECTION["bases"][name]}}
    with model_hub.served() as hub:
        commit = table[name]["revision"] = hub.add(table[name]["hub"], published)
        changes = {"base": name, "bases": table}
        code, said = stage(hub.url, tmp_path, trainset, changes)
    count = f"{tmp_path}/base: {files.read_json(tmp_path / 'm.json')['parameters']:,} parameters, not trained"
    assert (code, said.strip().splitlines()[-1]) == (0, count)
    base = bases.read(tmp_path / "base")
    assert (base.name, base.miniature, base.revision, base.licence) == (name, False, commit, "Apache-2.0")
    assert lineage.read(tmp_path / "base")["revision"] == commit
    for file in ("model.safetensors", "tokenizer.model"):
        assert (tmp_path / "base" / file).read_bytes() == published[file]
    assert (tmp_path / "base" / asking.FILE).read_bytes() == (trainset / asking.FILE).read_bytes()
    assert (tmp_path / "curves" / "train.csv").read_text() == "step,loss\n"


@pytest.mark.slow
def test_the_stage_makes_a_miniature_without_the_hub(tmp_path: Path, trainset: Path) -> None:
    changes = {"base": "llama-3.2-3b", "miniature": True, "epochs": 0, "vocabulary": 600, "threads": 1}
    code, said = stage("http://127.0.0.1:9", tmp_path, trainset, changes, offline=True)
    assert code == 0, said
    base = bases.read(tmp_path / "base")
    assert (base.name, base.miniature, base.revision) == ("llama-3.2-3b", True, None)
    assert (tmp_path / "base" / "model.safetensors").stat().st_size < 16e6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": "phi-5"}, "params.yaml, model_base.base: 'phi-5' is none of gemma-3-4b, llama-3.2-3b, nano, "),
        ({"miniature": True}, "params.yaml, model_base.miniature: nano has none"),
        (
            {"base": "phi-4-mini"},
            "params.yaml, model_base.bases, phi-4-mini: not pinned to a revision; run HF_HUB_OFFLINE=0 lampforge base"
            " pin phi-4-mini, or set model_base.unpinned to allow",
        ),
        (
            {"base": "phi-4-mini", "unpinned": "allow"},
            "microsoft/Phi-4-mini-instruct must be asked for at the hub, which HF_HUB_OFFLINE forbids;",
        ),
    ],
)
def test_a_base_that_cannot_be_had_ends_in_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    code, line = stage("http://127.0.0.1:9", tmp_path, tmp_path, changes, offline=True)
    assert (code, line.count("\n")) == (2, 1)
    assert said in line
    assert not (tmp_path / "base").exists()


def test_a_gated_base_without_a_token_ends_in_one_line(tmp_path: Path) -> None:
    with model_hub.served() as hub:
        hub.add(SECTION["bases"]["llama-3.2-3b"]["hub"], {"config.json": b"{}"}, gated=True)
        changes = {"base": "llama-3.2-3b", "unpinned": "allow"}
        code, line = stage(hub.url, tmp_path, tmp_path, changes)
    assert (code, line.count("\n")) == (2, 1)
    assert "meta-llama/Llama-3.2-3B-Instruct is gated, and HF_TOKEN is not set; accept its terms at" in line


def test_a_mistake_in_the_table_is_named_with_its_place(tmp_path: Path) -> None:
    table = {**SECTION["bases"], "nano": {**SECTION["bases"]["nano"], "colour": "red", "family": "gpt"}}
    with pytest.raises(UserError, match=r"bases\.nano\.family: .*bases\.nano\.colour is unknown"):
        load(tmp_path, bases=table)


def test_a_missing_training_set_ends_in_one_line(tmp_path: Path) -> None:
    load(tmp_path)
    command = [sys.executable, "-m", "stages.model_base", "--params", str(tmp_path / "params.yaml")]
    options = {"trainset": "absent", "out": "base", "metrics": "m.json", "curves": "curves", "checkpoints": "c"}
    command += [part for name, path in options.items() for part in (f"--{name}", str(tmp_path / path))]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "base").exists()


def test_no_base_model_is_made_of_research_data(tmp_path: Path) -> None:
    load(tmp_path)
    taint.write(tmp_path, taint.RESEARCH)
    options = {"trainset": ".", "out": "base", "params": "params.yaml", "checkpoints": "c"}
    command = [part for name, path in options.items() for part in (f"--{name}", str(tmp_path / path))]
    done = CliRunner().invoke(model_base.main, command)
    assert done.exit_code == 2
    assert "no base model is made of it" in done.output
    assert not (tmp_path / "base").exists()


def test_the_contract_is_the_help() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "stages.model_base", "--help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert "Make the base model: nano from scratch on the training text, a miniature, or a model" in help_text
    assert json.dumps("data/lamp/trainset").strip('"') in help_text
