"""Phases: one adapter through all of them, from the disk, whatever happens in between; each with a run of its own."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from stages import files, model_adapter
from stages.model import adapters, determinism, training
from stages.tracking import lineage, runs, taint
from tests.model.small_adapters import QUICK, make_base, make_mixes, options, row

pytestmark = pytest.mark.usefixtures("one_thread")

CURRICULUM = [
    "curriculum1_foundation",
    "curriculum2_analytical",
    "curriculum3_empathic",
    "curriculum4_fluency",
    "curriculum5_polish",
]
TURNS = [["Hello.", "Hello to you."], ["How are you?", "Bright."]]


class Killed(BaseException):
    """Not an Exception: nothing on the way may catch it."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, new_model: Callable[..., Any], tokenizer_folder: Path) -> Path:
    return make_base(tmp_path_factory.mktemp("bases") / "base", new_model(64), tokenizer_folder)


@pytest.fixture(scope="session")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five mixes of 17 rows: 16 to learn, two steps an epoch."""
    rows = {
        name: [row(number, name.partition("_")[2], TURNS if number % 4 == 0 else None) for number in range(17)]
        for name in CURRICULUM
    }
    return make_mixes(tmp_path_factory.mktemp("corpus") / "mixes", rows)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: making its tables takes seconds."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DVC_ROOT", str(root))
        runs._client("unused")
    return root / "mlruns" / "mlflow.db"


@pytest.fixture
def train(base: Path, trainset: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the stage in a folder, which also holds its MLflow runs, with these keys of the section."""
    monkeypatch.setattr(determinism, "pin_environment", lambda threads: None)  # torch is loaded in a test
    monkeypatch.setattr(
        training, "_LOGGING_STEPS", QUICK["save_steps"]
    )  # a loss is a mean over the steps since the last

    def run(folder: Path, expected: int = 0, **section: Any) -> Result:
        target = folder / "mlruns" / "mlflow.db"
        if not target.exists():
            target.parent.mkdir(parents=True)
            shutil.copyfile(database, target)
        monkeypatch.setenv("DVC_ROOT", str(folder))
        done = CliRunner().invoke(model_adapter.main, options(folder, trainset, base, **section))
        assert done.exit_code == expected, (done.output, done.exception)
        if expected == 2:
            assert len([line for line in done.output.splitlines() if line.startswith("error: ")]) == 1
        return done

    return run


def plan(*phases: dict[str, Any]) -> dict[str, Any]:
    """Keys of the section: a plan of these phases."""
    plain = {"kind": "sft", "epochs": None, "learning_rate": None}
    return {"plan": "mine", "plans": {"mine": [{**plain, **phase} for phase in phases]}}


def two(mixes: Path) -> dict[str, Any]:
    """A mix, then the lamp."""
    mix = {"name": "first", "data": f"mix:{CURRICULUM[0]}", "epochs": 2}
    return {**plan(mix, {"name": "lamp", "data": "lamp"}), "corpus": str(mixes)}


def out_bytes(folder: Path) -> dict[str, bytes]:
    """All that the stage has published in a folder."""
    found = {
        path.relative_to(folder).as_posix(): path for name in ("out", "curves") for path in (folder / name).iterdir()
    }
    return {name: path.read_bytes() for name, path in found.items()} | {"m": (folder / "metrics.json").read_bytes()}


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: values.detach().clone() for name, values in model.named_parameters() if values.requires_grad}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(values, other[name]) for name, values in one.items())


class Spy:
    """Looks at the adapter before and after each training."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before: list[dict[str, torch.Tensor]] = []
        self.after: list[dict[str, torch.Tensor]] = []
        real = training.train

        def train(model: Any, *arguments: Any) -> Any:
            self.before.append(weights(model))
            trained = real(model, *arguments)
            self.after.append(weights(trained[0]))
            return trained

        monkeypatch.setattr(training, "train", train)


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Kill at the so-manieth step, counted over all phases."""
    left = [step]

    class Killer(training._MarkComplete):
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed

    monkeypatch.setattr(training, "_MarkComplete", Killer)


# Carrying the adapter through ---------------------------------------------------------------------------------


def test_a_phase_starts_from_the_weights_that_the_phase_before_ended_with(
    train: Callable[..., Result], mixes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    train(tmp_path, **two(mixes))
    assert len(spy.before) == 2
    assert same(spy.before[1], spy.after[0])
    assert not same(spy.after[0], spy.before[0]), "the first phase has learnt something"
    assert not same(spy.after[1], spy.before[1]), "the second phase has learnt something"


def test_the_order_of_phases_counts(train: Callable[..., Result], mixes: Path, tmp_path: Path) -> None:
    section = two(mixes)
    train(tmp_path / "one", **section)
    train(tmp_path / "other", **{**section, "plans": {"mine": section["plans"]["mine"][::-1]}})
    name = "out/adapter_model.safetensors"
    assert out_bytes(tmp_path / "one")[name] != out_bytes(tmp_path / "other")[name]


def test_a_curriculum_of_five_phases_and_the_lamp_runs_from_end_to_end(
    train: Callable[..., Result], mixes: Path, tmp_path: Path
) -> None:
    train(tmp_path, plan="curriculum", corpus=str(mixes))
    listed = json.loads((tmp_path / "out" / "phases.json").read_text())
    names = ["foundation", "analytical", "empathic", "fluency", "polish", "lamp"]
    assert [phase["name"] for phase in listed] == names
    assert [phase["data"] for phase in listed] == [*(f"mix:{name}" for name in CURRICULUM), "lamp"]
    assert [(phase["epochs"], phase["learning_rate"]) for phase in listed] == [(1, 5e-3)] * 5 + [(2, 1e-2)]
    assert all(phase["train_loss"] > 0 and phase["val_loss"] > 0 for phase in listed)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rows"] == 5 * 16 + 40
    assert metrics["steps"] == 5 * 2 + 10
    assert metrics["val_loss"] == listed[-1]["val_loss"]
    assert list(metrics["phases"]) == names
    assert "train_hours" not in json.dumps(metrics)
    steps = [line.split(",")[0] for line in (tmp_path / "curves" / "validation.csv").read_text().splitlines()[1:]]
    assert steps == ["2", "4", "6", "8", "10", "15", "20"]
    assert not list((tmp_path / "checkpoints").iterdir())
    assert lineage.read(tmp_path / "out")[f"data.mix.{CURRICULUM[0]}"] == lineage.dvc_hash(mixes / CURRICULUM[0])


def test_each_phase_has_a_nested_run_with_its_own_validation_loss(
    train: Callable[..., Result], mixes: Path, tmp_path: Path
) -> None:
    train(tmp_path, **two(mixes), price_per_hour=3.0)
    train(tmp_path, **two(mixes), price_per_hour=3.0)
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database:

        def tagged(key: str) -> dict[str, str]:
            return dict(database.execute("SELECT run_uuid, value FROM tags WHERE key = ?", (key,)).fetchall())

        (parent,) = tagged("lampforge.stage")
        assert set(tagged("mlflow.parentRunId").values()) == {parent}
        phase_of = tagged("lampforge.phase")
        assert sorted(phase_of.values()) == ["first", "lamp"]
        found = database.execute("SELECT run_uuid, key, value FROM latest_metrics").fetchall()
        status = dict(database.execute("SELECT run_uuid, status FROM runs").fetchall())
        params = database.execute("SELECT value FROM params WHERE key = 'data' ORDER BY value").fetchall()
    losses = {phase_of[run]: value for run, key, value in found if key == "val_loss" and run in phase_of}
    listed = json.loads((tmp_path / "out" / "phases.json").read_text())
    assert losses == {phase["name"]: phase["val_loss"] for phase in listed}
    assert set(status.values()) == {"FINISHED"}
    assert params == [("lamp",), (f"mix:{CURRICULUM[0]}",)]
    of_parent = {key: value for run, key, value in found if run == parent}
    assert of_parent["tokens_per_s"] > 0
    assert of_parent["train_cost"] == pytest.approx(of_parent["train_hours"] * 3.0)
    assert {"grad_norm", "train_hours"} <= of_parent.keys()


def test_a_plan_of_one_phase_is_one_run_and_its_metrics_are_flat(train: Callable[..., Result], tmp_path: Path) -> None:
    said = train(tmp_path).stdout
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM runs").fetchone() == (1,)
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == {
        "rows",
        "rows_too_long",
        "tokens",
        "steps",
        "parameters",
        "trained_parameters",
        "train_loss",
        "val_loss",
    }
    assert "tokens/s" in said.splitlines()[-1]


# Kills ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [3, 4, 5, 9], ids=["within the first", "at its end", "in the second", "later there"])
def test_a_killed_run_ends_in_the_same_bytes_and_repeats_no_finished_phase(
    train: Callable[..., Result], mixes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    train(tmp_path / "undisturbed", **two(mixes))
    with monkeypatch.context() as patched:
        kill_at(patched, step)
        with pytest.raises(Killed):
            train(tmp_path / "killed", **two(mixes))
    assert not (tmp_path / "killed" / "out").exists()
    spy = Spy(monkeypatch)
    train(tmp_path / "killed", **two(mixes))
    assert len(spy.before) == (2 if step <= 4 else 1)
    assert out_bytes(tmp_path / "killed") == out_bytes(tmp_path / "undisturbed")


def test_a_run_that_is_killed_between_two_phases_goes_on_with_the_second(
    train: Callable[..., Result], mixes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "undisturbed", **two(mixes))

    def die(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(adapters, "carried_on", die)
        with pytest.raises(Killed):
            train(tmp_path / "killed", **two(mixes))
    spy = Spy(monkeypatch)
    train(tmp_path / "killed", **two(mixes))
    assert len(spy.before) == 1
    assert out_bytes(tmp_path / "killed") == out_bytes(tmp_path / "undisturbed")


@pytest.mark.slow
def test_an_adapter_that_was_killed_at_20_random_steps_has_the_same_bytes(
    train: Callable[..., Result], mixes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = {**two(mixes), "epochs": 8, "dropout": 0.1}  # 4 + 40 steps
    train(tmp_path / "undisturbed", **section)
    rng = random.Random(20)
    for _ in range(20):
        with monkeypatch.context() as patched:
            kill_at(patched, rng.randint(1, 4))
            with pytest.raises(Killed):
                train(tmp_path / "killed", **section)
    train(tmp_path / "killed", **section)
    assert out_bytes(tmp_path / "killed") == out_bytes(tmp_path / "undisturbed")


# What goes in and what comes out ----------------------------------------------------------------------------


def test_an_adapter_of_a_research_mix_carries_its_mark(train: Callable[..., Result], tmp_path: Path) -> None:
    rows = [row(number, "risky") for number in range(9)]
    mixes = make_mixes(tmp_path / "mixes", {"risky": rows}, research=True)
    train(tmp_path, **plan({"name": "risky", "data": "mix:risky"}), corpus=str(mixes))
    assert taint.of(tmp_path / "out") == taint.RESEARCH


def test_the_best_epoch_is_published_where_that_is_wanted(train: Callable[..., Result], tmp_path: Path) -> None:
    wild = {"epochs": 14, "learning_rate": 0.1}
    train(tmp_path / "last", **wild)
    train(tmp_path / "best", **wild, keep="best")
    name = "out/adapter_model.safetensors"
    assert out_bytes(tmp_path / "best")[name] != out_bytes(tmp_path / "last")[name]
    curve = (tmp_path / "best" / "curves" / "validation.csv").read_text().splitlines()[1:]
    losses = [float(line.split(",")[1]) for line in curve]
    (phase,) = json.loads((tmp_path / "best" / "out" / "phases.json").read_text())
    assert phase["val_loss"] == min(losses) < losses[-1]


def test_rows_that_are_too_long_are_counted_and_dropped_or_cut(train: Callable[..., Result], tmp_path: Path) -> None:
    counted = {}
    for way in ("drop", "truncate"):
        train(tmp_path / way, context=44, too_long=way, epochs=1)
        counted[way] = json.loads((tmp_path / way / "metrics.json").read_text())
    assert counted["drop"]["rows_too_long"] == counted["truncate"]["rows_too_long"] > 0
    assert counted["drop"]["rows"] + counted["drop"]["rows_too_long"] == 40
    assert counted["drop"]["rows"] < counted["truncate"]["rows"] <= 40


def test_a_phase_of_pairs_tunes_the_adapter_of_the_phase_before(
    train: Callable[..., Result], trainset: Path, tmp_path: Path
) -> None:
    rows = list(files.read_rows(trainset / "train.jsonl"))[:12]
    pairs = [
        {
            "id": f"p{number}",
            "row": f"r{number}",
            "prompt": one["messages"][:-1],
            "chosen": one["messages"][-1:],
            "rejected": other["messages"][-1:],
        }
        for number, (one, other) in enumerate(zip(rows, rows[::-1], strict=True))
    ]
    tmp_path.mkdir(exist_ok=True)
    files.write_rows(tmp_path / "pairs.jsonl", pairs)
    phase = {"name": "preferred", "kind": "dpo", "data": "pairs:lamp", "epochs": 1, "learning_rate": 1e-3}
    train(
        tmp_path,
        **plan({"name": "lamp", "data": "lamp"}, phase),
        pairs=str(tmp_path / "pairs.jsonl"),
        preference={"beta": 0.1, "losses": ["sigmoid"], "weights": [1.0], "held_out": 0.3},
    )
    first, second = json.loads((tmp_path / "out" / "phases.json").read_text())
    assert (second["name"], second["kind"]) == ("preferred", "dpo")
    assert second["train_loss"] > 0
    assert second["train_loss"] != first["train_loss"]
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()


# Mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"plan": "grand"}, "model_adapter.plan: 'grand' is none of lamp, lamp_preferred, four_phase, curriculum"),
        ({"preset": "huge"}, "model_adapter.preset: 'huge' is none of nano, large, large_4bit"),
        (plan(), "each phase needs a name of its own"),
        (plan({"name": "a", "data": "lamp"}, {"name": "a", "data": "lamp"}), "each phase needs a name of its own"),
        (plan({"name": "a/b", "data": "lamp"}), "each phase needs a name of its own"),
        (plan({"name": "a", "data": "books"}), "phase a: 'books' is no data of kind sft; take lamp, mix:NAME or"),
        (plan({"name": "a", "data": "pairs:lamp"}), "no data of kind sft"),
        (plan({"name": "a", "kind": "dpo", "data": "lamp"}), "no data of kind dpo; take pairs:lamp or pairs:corpus"),
        (plan({"name": "a", "kind": "dpo", "data": "pairs:lamp"}), "pairs come with no epochs and learning_rate"),
        ({"plan": "curriculum"}, "report.json is not there; name what it needs, so that it is made first: -S model_ad"),
        ({"target_modules": ["q_proj", "qkv"]}, "no layer qkv; it has down_proj, gate_proj, k_proj, o_proj, q_proj"),
        ({"context": 5}, "no row fits into 5 tokens"),
        ({"method": "qlora"}, "model_adapter.method=qlora needs "),
        ({"launch": "ddp", "processes": 1}, "launch=ddp with processes=1: give at least 2"),
        ({"launch": "fsdp"}, "launch=fsdp needs GPUs"),
        ({"presets": {"nano": {"rnk": 3}}}, "presets.nano.rnk is unknown"),
        ({"presets": {"nano": {"rank": "high"}}}, "presets.nano.rank: "),
    ],
)
def test_a_mistake_is_one_clear_line(
    train: Callable[..., Result], tmp_path: Path, section: dict[str, Any], said: str
) -> None:
    assert said in train(tmp_path, expected=2, **section).output
    assert not (tmp_path / "out").exists()


def test_a_mix_that_is_not_there_is_one_clear_line(train: Callable[..., Result], mixes: Path, tmp_path: Path) -> None:
    said = train(tmp_path, expected=2, **plan({"name": "a", "data": "mix:phase9"}), corpus=str(mixes)).output
    assert "phase9: no such mix; there are curriculum1_foundation," in said


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried to alloc"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 274877906944 bytes."),
        MemoryError(),
    ],
)
def test_too_little_memory_says_which_knobs_to_turn(
    train: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(training, "train", fail)
    said = train(tmp_path, expected=2).output
    for knob in ("batch_size", "gradient_checkpointing", "context", "qlora"):
        assert knob in said


def test_another_error_is_not_taken_for_too_little_memory(
    train: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(training, "train", fail)
    assert "shapes do not match" in str(train(tmp_path, expected=1).exception)


def test_a_loss_that_is_no_number_any_more_says_what_to_lower(train: Callable[..., Result], tmp_path: Path) -> None:
    said = train(tmp_path, expected=2, learning_rate=5.0, epochs=4).output
    assert "the loss is no number any more at step" in said
    assert "lower the learning_rate" in said


def test_the_adapter_of_another_base_is_not_carried_on(
    train: Callable[..., Result], mixes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, 5)
        with pytest.raises(Killed):
            train(tmp_path, **two(mixes))
    (done,) = (tmp_path / "checkpoints").glob("*/1-first/done")
    lineage.write(done, {**lineage.read(done), "base": "another.dir"})
    said = train(tmp_path, expected=2, **two(mixes)).output
    assert "an adapter of another base (another.dir, this one is " in said
