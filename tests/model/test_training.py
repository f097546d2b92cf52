"""Training: deterministic, resumable, loss on the answers, and a model that stops by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import files
from stages.errors import UserError
from stages.model import chat, training
from stages.model import tokenizer as tokenizing
from stages.model.training import LengthBuckets, Schedule

pytestmark = pytest.mark.usefixtures("one_thread", "frequent_history")

CONTEXT = 1024
# 40 rows in batches of 8: 5 steps an epoch, a checkpoint at steps 2, 4, 6, 8 and 10.
SCHEDULE = Schedule(
    epochs=2,
    batch_size=8,
    learning_rate=1e-2,
    warmup_share=0.1,
    weight_decay=0.1,
    save_steps=2,
    seed=7,
    context=CONTEXT,
)
LAST_STEP = 10


class Killed(BaseException):
    """Not an Exception: nothing on the way may catch it."""


def killer(step: int, hook: str) -> type:
    """A callback that marks checkpoints as ever, until training is killed at `step`."""

    def die(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == step:
            raise Killed
        getattr(super(kind, self), hook)(args, state, control, **kwargs)

    kind = type("_Killer", (training._MarkComplete,), {hook: die})
    return kind


@pytest.fixture
def frequent_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of every second step, as often as checkpoints: it is a mean over the steps since the last one."""
    monkeypatch.setattr(training, "_LOGGING_STEPS", SCHEDULE.save_steps)


@pytest.fixture
def rows(tokenizer: Any, trainset: Path) -> tuple[Any, Any]:
    taught, validation, too_long = training.datasets(tokenizer, trainset, CONTEXT, completion_only=True)
    assert (len(taught), len(validation), too_long) == (40, 5, 0)
    return taught, validation


@pytest.fixture
def train(
    rows: tuple[Any, Any], tokenizer: Any, new_model: Callable[..., Any]
) -> Callable[..., tuple[dict[str, torch.Tensor], list[dict[str, float]]]]:
    """Trains a new model in a folder for checkpoints; gives its weights and the history."""

    def run(checkpoints: Path, lora: bool = False) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
        from peft import LoraConfig

        peft = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM") if lora else None
        model, history = training.train(new_model(64), tokenizer, *rows, SCHEDULE, checkpoints, peft)
        return {name: weights.detach().clone() for name, weights in model.state_dict().items()}, history

    return run


def assert_same_weights(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    differing = [name for name, weights in one.items() if not torch.equal(weights, other[name])]
    assert not differing


def steps(folder: Path) -> list[int]:
    """The steps of the whole checkpoints in a folder."""
    return sorted(int((marker).read_text()) for marker in folder.glob("checkpoint-*/complete"))


# Going on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "hook", "whole"),
    [
        (3, "on_step_end", [2]),  # within the first epoch
        (5, "on_step_end", [2, 4]),  # at the end of the first epoch
        (8, "on_step_begin", [6, 8]),  # in the second epoch, which has another order of rows
        (6, "on_save", [4]),  # while a checkpoint is being written
    ],
)
def test_a_killed_training_ends_in_the_same_bits_as_an_undisturbed_one(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, hook: str, whole: list[int]
) -> None:
    undisturbed, wanted = train(tmp_path / "undisturbed")
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(step, hook))
        with pytest.raises(Killed):
            train(tmp_path / "killed")
    assert steps(tmp_path / "killed") == whole
    weights, history = train(tmp_path / "killed")
    assert_same_weights(weights, undisturbed)
    assert history == wanted


def test_a_killed_adapter_training_ends_in_the_same_bits_as_an_undisturbed_one(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, wanted = train(tmp_path / "undisturbed", lora=True)
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(7, "on_step_end"))
        with pytest.raises(Killed):
            train(tmp_path / "killed", lora=True)
    weights, history = train(tmp_path / "killed", lora=True)
    assert_same_weights(weights, undisturbed)
    assert history == wanted


def test_a_resumed_training_does_not_repeat_the_steps_before_the_checkpoint(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(7, "on_step_end"))
        with pytest.raises(Killed):
            train(tmp_path)
    # Would be raised again if training began before step 6.
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(3, "on_step_end"))
        train(tmp_path)
    assert steps(tmp_path)[-1] == LAST_STEP


def test_training_moves_the_weights_and_the_history_has_finite_losses(
    train: Callable[..., Any], tmp_path: Path, new_model: Callable[..., Any]
) -> None:
    weights, history = train(tmp_path)
    fresh = new_model(64).state_dict()
    assert all(not torch.equal(fresh[name], values) for name, values in weights.items())
    assert [row["step"] for row in history if "eval_loss" in row] == [5, 10]
    assert [row["step"] for row in history if "loss" in row] == [1, 2, 4, 6, 8, 10]
    first, last = (row["eval_loss"] for row in history if "eval_loss" in row)
    assert 0 < last < first


def test_the_newest_whole_checkpoint_counts_by_number_and_half_written_ones_are_deleted(tmp_path: Path) -> None:
    for name, whole in (("200", True), ("1000", True), ("1200", False)):
        folder = tmp_path / f"checkpoint-{name}"
        folder.mkdir()
        (folder / "model.safetensors").touch()
        if whole:
            (folder / "complete").touch()
    assert training.last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-1000")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-1000", "checkpoint-200"]


def test_a_checkpoint_whose_marker_was_being_written_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / ".complete.tmp").touch()
    assert training.last_whole_checkpoint(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_without_checkpoints_there_is_none_to_go_on_from(tmp_path: Path) -> None:
    assert training.last_whole_checkpoint(tmp_path) is None


def test_the_workplace_is_found_again_by_the_same_inputs_and_checkpoints_of_others_are_deleted(tmp_path: Path) -> None:
    first = training.workplace(tmp_path / "checkpoints", {"trainset": "a", "params": "b"})
    (first / "checkpoint-2").mkdir()
    assert training.workplace(tmp_path / "checkpoints", {"params": "b", "trainset": "a"}) == first
    assert (first / "checkpoint-2").exists()
    second = training.workplace(tmp_path / "checkpoints", {"trainset": "other", "params": "b"})
    assert list((tmp_path / "checkpoints").iterdir()) == [second]
    assert not list(second.iterdir())


# The rows ---------------------------------------------------------------------------------------------------


def test_the_loss_is_on_the_answer_and_its_end_token_and_on_nothing_else(tokenizer: Any, trainset: Path) -> None:
    dataset, _ = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=True)
    for row, source in zip(dataset, files.read_rows(trainset / "train.jsonl"), strict=True):
        learnt = [token for token, counts in zip(row["input_ids"], row["completion_mask"], strict=True) if counts]
        assert tokenizer.decode(learnt) == source["messages"][2]["content"] + chat.END
        assert row["completion_mask"] == sorted(row["completion_mask"])


def test_the_base_model_learns_every_token(tokenizer: Any, trainset: Path) -> None:
    dataset, _ = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=False)
    assert all(all(row["completion_mask"]) for row in dataset)


def test_validation_looks_at_the_answers_alone_even_when_all_is_learnt(tokenizer: Any, trainset: Path) -> None:
    rows, validation, _ = training.datasets(tokenizer, trainset, CONTEXT, completion_only=False)
    assert all(row["completion_mask"][0] == 1 for row in rows)
    assert all(row["completion_mask"][0] == 0 and row["completion_mask"][-1] == 1 for row in validation)


def test_the_labels_that_reach_the_model_are_those_of_the_mask(
    rows: tuple[Any, Any],
    tokenizer: Any,
    new_model: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    class _Look(training._MarkComplete):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.extend(kwargs["train_dataloader"])
            raise Killed

    monkeypatch.setattr(training, "_MarkComplete", _Look)
    with pytest.raises(Killed):
        training.train(new_model(64), tokenizer, *rows, SCHEDULE, tmp_path)
    answers = {}
    for batch in seen:
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
            learnt = [label for label in labels if label != -100]
            answers[tuple(token for token in ids if token != tokenizer.pad_token_id)] = learnt
            assert all(label in (token, -100) for token, label in zip(ids, labels, strict=True))
    assert answers == {tuple(row["input_ids"]): row["input_ids"][row["completion_mask"].index(1) :] for row in rows[0]}


def test_rows_longer_than_the_context_are_left_out_and_counted(tokenizer: Any, trainset: Path) -> None:
    every, none_left_out = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=True)
    lengths = sorted(map(len, every["input_ids"]))
    limit = lengths[len(lengths) // 2]
    kept, too_long = training.token_rows(tokenizer, trainset / "train.jsonl", limit, completion_only=True)
    assert none_left_out == 0
    assert len(kept) + too_long == len(every)
    assert sorted(map(len, kept["input_ids"])) == [length for length in lengths if length <= limit]
    assert 0 < too_long == sum(length > limit for length in lengths)


def test_a_side_without_rows_is_one_clear_line(tokenizer: Any, trainset: Path) -> None:
    with pytest.raises(UserError, match=r"train\.jsonl: no row fits into 3 tokens; raise the context"):
        training.datasets(tokenizer, trainset, 3, completion_only=True)


def test_a_training_that_had_only_its_last_validation_to_do_still_has_it(
    train: Callable[..., Any], tmp_path: Path
) -> None:
    _, undisturbed = train(tmp_path)
    _, again = train(tmp_path)
    assert again[-1]["eval_loss"] == undisturbed[-1]["eval_loss"]
    assert again[-1]["step"] == LAST_STEP


# The order of rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 7, 8, 9, 160, 161, 500])
def test_every_row_comes_once_an_epoch(count: int) -> None:
    buckets = LengthBuckets([number * 37 % 101 for number in range(count)], 8, seed=7)
    assert len(buckets) == count
    assert sorted(buckets) == list(range(count))


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, before: tuple[int, ...] = ()) -> list[int]:
        buckets = LengthBuckets([number * 37 % 101 for number in range(100)], 8, seed)
        for earlier in before:
            buckets.set_epoch(earlier)
            list(buckets)
        buckets.set_epoch(epoch)
        return list(buckets)

    assert order(7, 1) == order(7, 1) == order(7, 1, before=(0, 3, 1))
    assert order(7, 0) != order(7, 1) != order(7, 2)
    assert order(7, 1) != order(8, 1)
    torch.manual_seed(5)
    assert order(7, 1) == order(7, 1)


def test_rows_of_like_length_share_a_batch() -> None:
    lengths = [number * 37 % 160 for number in range(160)]
    order = list(LengthBuckets(lengths, 8, seed=7))
    for start in range(0, 160, 8):
        batch = [lengths[row] for row in order[start : start + 8]]
        assert max(batch) - min(batch) < 8
    starts = [lengths[row] for row in order[::8]]
    assert starts != sorted(starts), "short and long batches are mixed"


def test_only_the_last_batch_is_short() -> None:
    lengths = [number % 10 + 100 * (number % 7) for number in range(165)]
    order = list(LengthBuckets(lengths, 8, seed=7))
    for start in range(0, 160, 8):
        batch = sorted(lengths[row] for row in order[start : start + 8])
        assert batch[-1] - batch[0] < 200, "a batch that is cut askew mixes lengths"


# What comes out ---------------------------------------------------------------------------------------------


def test_a_trained_model_stops_by_itself(
    tokenizer: Any, new_model: Callable[..., Any], trainset: Path, tmp_path: Path
) -> None:
    six = list(files.read_rows(trainset / "train.jsonl"))[::6][:6]
    for name in ("train.jsonl", "val.jsonl"):
        files.write_rows(tmp_path / name, six)
    rows, validation, _ = training.datasets(tokenizer, tmp_path, CONTEXT, completion_only=True)
    schedule = Schedule(
        epochs=60,
        batch_size=6,
        learning_rate=1e-2,
        warmup_share=0.05,
        weight_decay=0.0,
        save_steps=1000,
        seed=7,
        context=CONTEXT,
    )
    model, _ = training.train(new_model(128), tokenizer, rows, validation, schedule, tmp_path / "checkpoints")
    model.eval()
    for row in six:
        *asked, answer = row["messages"]
        prompt = tokenizing.token_ids(tokenizer, asked, add_generation_prompt=True)
        written = model.generate(torch.tensor([prompt]), max_new_tokens=300, do_sample=False)[0].tolist()[len(prompt) :]
        assert written[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(written) == answer["content"] + chat.END


def test_the_summary_counts_rows_tokens_steps_and_parameters(
    rows: tuple[Any, Any], new_model: Callable[..., Any]
) -> None:
    model = new_model(64)
    history = [
        {"step": 10, "epoch": 1.0, "loss": 3.5, "grad_norm": 1.0, "learning_rate": 0.1},
        {"step": 10, "epoch": 1.0, "eval_loss": 4.0},
        {"step": 20, "epoch": 2.0, "loss": 1.5, "grad_norm": 1.0, "learning_rate": 0.0},
        {"step": 20, "epoch": 2.0, "eval_loss": 2.0},
    ]
    model.model.norm.weight.requires_grad_(False)
    summary = training.summary(model, rows[0], history, 3)
    parameters = sum(weights.numel() for weights in model.parameters())
    assert summary == {
        "rows": 40,
        "rows_too_long": 3,
        "tokens": sum(map(len, rows[0]["input_ids"])),
        "steps": 20,
        "parameters": parameters,
        "trained_parameters": parameters - 64,
        "train_loss": 1.5,
        "val_loss": 2.0,
    }
    assert json.loads(json.dumps(summary)) == summary


def test_the_history_keeps_nothing_that_changes_from_run_to_run() -> None:
    log = [
        {"loss": 3.123456789, "grad_norm": 1.0, "learning_rate": 0.1, "epoch": 0.5, "step": 10, "num_tokens": 5},
        {"eval_loss": 2.0, "eval_runtime": 1.23, "eval_samples_per_second": 9.0, "epoch": 1.0, "step": 20},
        {"train_runtime": 12.3, "train_loss": 3.0, "epoch": 1.0, "step": 20},
    ]
    assert training._history(log) == [
        {"step": 10, "epoch": 0.5, "loss": 3.12346, "grad_norm": 1.0, "learning_rate": 0.1},
        {"step": 20, "epoch": 1.0, "eval_loss": 2.0},
    ]


def test_the_curves_are_tables_of_step_and_loss(tmp_path: Path) -> None:
    history = [{"step": 10.0, "loss": 3.5}, {"step": 12.0, "eval_loss": 4.0}, {"step": 20.0, "loss": 1.5}]
    training.write_curves(tmp_path / "curves", history)
    assert (tmp_path / "curves" / "train.csv").read_text() == "step,loss\n10,3.5\n20,1.5\n"
    assert (tmp_path / "curves" / "validation.csv").read_text() == "step,loss\n12,4.0\n"
