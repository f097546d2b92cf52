"""Several processes: they learn what one does, and what goes wrong in one of them is said once, in a line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages import model_adapter
from stages.model import determinism, distributed
from tests.model.small_adapters import make_base, options

pytestmark = pytest.mark.usefixtures("one_thread")

# Sums of rounded numbers in another order: the losses, which are written with 6 digits, differ in the last of them.
TOLERANCE = 1e-4


@pytest.fixture
def base(tmp_path: Path, new_model: Callable[..., Any], tokenizer_folder: Path) -> Path:
    return make_base(tmp_path / "base", new_model(64), tokenizer_folder)


@pytest.fixture
def train(base: Path, trainset: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the stage in a folder; gives its exit code and its lines of errors."""
    monkeypatch.setattr(determinism, "pin_environment", lambda threads: None)  # torch is loaded in a test

    def run(folder: Path, **section: Any) -> tuple[int, list[str]]:
        monkeypatch.setenv("DVC_ROOT", str(folder))
        done = CliRunner().invoke(model_adapter.main, options(folder, trainset, base, **section))
        return done.exit_code, [line for line in done.output.splitlines() if line.startswith("error: ")]

    return run


def curve(folder: Path, name: str) -> dict[int, float]:
    with (folder / "curves" / f"{name}.csv").open() as file:
        return {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch_size", "accumulation"), [(8, 1), (4, 2)], ids=["sharing a batch", "sharing the batches of a step"]
)
def test_two_processes_have_the_loss_curve_of_one(
    train: Callable[..., Any], tmp_path: Path, batch_size: int, accumulation: int
) -> None:
    section = {"batch_size": batch_size, "gradient_accumulation": accumulation, "epochs": 3}
    assert train(tmp_path / "one", **section) == (0, [])
    assert train(tmp_path / "two", **section, launch="ddp", processes=2) == (0, [])
    for name in ("train", "validation"):
        one, two = curve(tmp_path / "one", name), curve(tmp_path / "two", name)
        assert one.keys() == two.keys()
        assert two == pytest.approx(one, rel=TOLERANCE)
        assert two[max(two)] < two[min(two)] * (1 - 10 * TOLERANCE), "a tolerance that hides what is learnt"
    assert {path.name for path in (tmp_path / "two" / "out").iterdir()} == {
        path.name for path in (tmp_path / "one" / "out").iterdir()
    }


def test_a_mistake_that_a_process_finds_is_said_once(train: Callable[..., Any], tmp_path: Path) -> None:
    code, errors = train(tmp_path, launch="ddp", processes=2, context=5)
    assert code == 2
    assert len(errors) == 1
    assert "no row fits into 5 tokens" in errors[0]
    assert not (tmp_path / "out").exists()


def test_rows_that_cannot_be_shared_are_one_clear_line(train: Callable[..., Any], tmp_path: Path) -> None:
    code, errors = train(tmp_path, launch="ddp", processes=2, batch_size=7)
    assert code == 2
    assert "neither can be shared by 2 processes" in errors[0]


@pytest.mark.parametrize("launch", ["ddp", "fsdp"])
def test_accelerate_reads_the_configurations(launch: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    path = distributed.CONFIGURATIONS / f"{launch}.yaml"
    read = load_config_from_file(str(path))
    assert read.distributed_type.value == {"ddp": "MULTI_GPU", "fsdp": "FSDP"}[launch]
    assert yaml.safe_load(path.read_text())["mixed_precision"] == "no"
