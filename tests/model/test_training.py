"""Training: deterministic, resumable, loss on the answers, and a model that stops by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import files
from stages.errors import UserError
from stages.model import chat, training
from stages.model import tokenizer as tokenizing
from stages.model.training import Schedule

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

    def run(
        checkpoints: Path, lora: bool = False, schedule: Schedule = SCHEDULE
    ) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
        from peft import LoraConfig, get_peft_model

        model = new_model(64)
        if lora:
            options = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
            model = get_peft_model(model, options)
        model, history = training.train(model, tokenizer, *rows, schedule, checkpoints)
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


def test_further_rows_are_trained_on_as_well_and_never_validated_with(
    tokenizer: Any, trainset: Path, tmp_path: Path
) -> None:
    further, none = tmp_path / "further.jsonl", tmp_path / "none.jsonl"
    lines = (trainset / "train.jsonl").read_text().splitlines(keepends=True)
    further.write_text("".join(lines[:7]))
    none.write_text("")
    alone, validation, _ = training.datasets(tokenizer, trainset, CONTEXT, completion_only=False)
    both, validation_too, _ = training.datasets(tokenizer, trainset, CONTEXT, completion_only=False, further=further)
    assert list(both["input_ids"]) == [*alone["input_ids"], *alone["input_ids"][:7]]
    assert list(validation_too["input_ids"]) == list(validation["input_ids"])
    assert len(training.datasets(tokenizer, trainset, CONTEXT, completion_only=False, further=none)[0]) == len(alone)


def test_further_rows_that_are_all_too_long_are_counted(tokenizer: Any, trainset: Path, tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "x y z " * CONTEXT}, {"role": "assistant", "content": "{}"}]
    files.write_rows(tmp_path / "long.jsonl", [{"id": "long", "messages": chat}])
    rows, _, too_long = training.datasets(
        tokenizer, trainset, CONTEXT, completion_only=False, further=tmp_path / "long.jsonl"
    )
    assert (len(rows), too_long) == (40, 1)


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


# How it trains ----------------------------------------------------------------------------------------------


def test_batches_that_are_gathered_into_a_step_learn_what_one_large_batch_does(
    train: Callable[..., Any], tmp_path: Path
) -> None:
    _, large = train(tmp_path / "large")
    # The order of rows hangs on the batch size: one epoch of all rows in a step is the same in any order.
    whole = replace(SCHEDULE, batch_size=40, save_steps=100)
    weights, once = train(tmp_path / "whole", schedule=whole)
    gathered, parts = train(tmp_path / "parts", schedule=replace(whole, batch_size=8, gradient_accumulation=5))
    assert [row["step"] for row in once if "eval_loss" in row] == [1, 2]
    assert [row["step"] for row in parts if "eval_loss" in row] == [1, 2]
    for one, other in zip(once, parts, strict=True):
        assert one == pytest.approx(other, rel=1e-3)
    # Adam divides by the size of a gradient: where there is next to none, rounding decides.
    assert all(torch.allclose(weights[name], values, atol=2e-3) for name, values in gathered.items())
    assert once[-1]["eval_loss"] > large[-1]["eval_loss"], "fewer steps"


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "processes", "shares"),
    [(8, 1, 1, (8, 1)), (8, 4, 2, (8, 2)), (8, 1, 2, (4, 1)), (9, 4, 4, (9, 1)), (8, 3, 4, (2, 3))],
)
def test_processes_share_the_rows_of_a_step(
    batch_size: int, accumulation: int, processes: int, shares: tuple[int, int]
) -> None:
    schedule = replace(SCHEDULE, batch_size=batch_size, gradient_accumulation=accumulation)
    assert schedule.shares(processes) == shares


def test_a_step_that_cannot_be_shared_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="neither can be shared by 3 processes"):
        SCHEDULE.shares(3)


def test_training_ends_when_validation_gets_no_better_and_a_kill_does_not_change_when(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough to know the few rows by heart, which new ones do not gain by; five steps an epoch.
    wild = replace(SCHEDULE, epochs=40, learning_rate=2e-2, patience=2, save_steps=2)
    undisturbed, wanted = train(tmp_path / "undisturbed", schedule=wild)
    losses = [row["eval_loss"] for row in wanted if "eval_loss" in row]
    assert 3 <= len(losses) < 40
    assert min(losses[-2:]) >= min(losses[:-2])
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(int(wanted[-1]["step"]) - 1, "on_step_end"))
        with pytest.raises(Killed):
            train(tmp_path / "killed", schedule=wild)
    weights, history = train(tmp_path / "killed", schedule=wild)
    assert_same_weights(weights, undisturbed)
    assert history == wanted


def test_without_patience_training_goes_on_to_the_end(train: Callable[..., Any], tmp_path: Path) -> None:
    wild = replace(SCHEDULE, epochs=8, learning_rate=0.3)
    _, history = train(tmp_path, schedule=wild)
    assert history[-1]["step"] == 40


def test_the_best_weights_are_kept_beside_the_last_ones_through_a_kill(
    train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    # Long enough to know the few rows by heart, so that new ones get worse again.
    wild = replace(SCHEDULE, epochs=30, learning_rate=2e-2, keep="best")
    weights, history = train(tmp_path / "undisturbed", schedule=wild)
    losses = {row["step"]: row["eval_loss"] for row in history if "eval_loss" in row}
    best = min(losses, key=lambda step: losses[step])
    assert best + 3 < max(losses), "else nothing is shown here"
    folder = training.weights_elsewhere(wild, tmp_path / "undisturbed")
    assert folder is not None
    assert files.read_json(folder / "best.json")["step"] == best
    kept = load_file(folder / "model.safetensors")
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(int(best) + 3, "on_step_end"))
        with pytest.raises(Killed):
            train(tmp_path / "killed", schedule=wild)
    again, _ = train(tmp_path / "killed", schedule=wild)
    other = training.weights_elsewhere(wild, tmp_path / "killed")
    assert other is not None
    assert_same_weights(load_file(other / "model.safetensors"), kept)
    assert_same_weights(again, weights)
    assert not torch.equal(kept["model.norm.weight"], weights["model.norm.weight"])


def test_the_last_weights_are_those_of_the_model(train: Callable[..., Any], tmp_path: Path) -> None:
    train(tmp_path)
    assert training.weights_elsewhere(SCHEDULE, tmp_path) is None


def test_packed_training_sees_every_row_once_an_epoch_and_learns(
    train: Callable[..., Any], tmp_path: Path, rows: tuple[Any, Any]
) -> None:
    packed = replace(SCHEDULE, packing=True, batch_size=2, context=256)
    _, history = train(tmp_path, schedule=packed)
    losses = [row["eval_loss"] for row in history if "eval_loss" in row]
    assert losses[-1] < losses[0]
    tokens = sum(map(len, rows[0]["input_ids"]))
    assert history[-1]["step"] < 2 * 20, f"{tokens} tokens in rows of 256"


def test_in_bfloat16_it_learns_about_the_same(train: Callable[..., Any], tmp_path: Path) -> None:
    _, exact = train(tmp_path / "fp32", schedule=replace(SCHEDULE, precision="fp32"))
    _, half = train(tmp_path / "bf16", schedule=replace(SCHEDULE, precision="bf16"))
    assert half != exact
    assert half[-1]["eval_loss"] == pytest.approx(exact[-1]["eval_loss"], rel=0.1)


def test_checkpointed_gradients_are_the_same(train: Callable[..., Any], tmp_path: Path) -> None:
    plain, wanted = train(tmp_path / "plain", lora=True)
    weights, history = train(tmp_path / "again", lora=True, schedule=replace(SCHEDULE, gradient_checkpointing=True))
    assert history[-1]["eval_loss"] == pytest.approx(wanted[-1]["eval_loss"], rel=1e-4)
    assert weights.keys() == plain.keys()


def test_rows_that_are_too_long_may_lose_their_end_instead(tokenizer: Any, trainset: Path) -> None:
    path = trainset / "train.jsonl"
    every, _ = training.token_rows(tokenizer, path, CONTEXT, completion_only=True)
    limit = sorted(map(len, every["input_ids"]))[len(every) // 2]
    cut, too_long = training.token_rows(tokenizer, path, limit, completion_only=True, too_long="truncate")
    assert too_long == sum(len(row["input_ids"]) > limit for row in every)
    kept = [row for row in every if 1 in row["completion_mask"][:limit]]
    assert len(kept) > len(every) // 2
    assert list(cut["input_ids"]) == [row["input_ids"][:limit] for row in kept]
    assert list(cut["completion_mask"]) == [row["completion_mask"][:limit] for row in kept]


def test_a_row_whose_answer_would_be_lost_altogether_is_dropped_even_so(tokenizer: Any, trainset: Path) -> None:
    path = trainset / "train.jsonl"
    every, _ = training.token_rows(tokenizer, path, CONTEXT, completion_only=True)
    prompts = [row["completion_mask"].index(1) for row in every]
    limit = sorted(prompts)[len(prompts) // 2]
    cut, too_long = training.token_rows(tokenizer, path, limit, completion_only=True, too_long="truncate")
    assert too_long == len(every)
    assert len(cut) == sum(prompt < limit for prompt in prompts)
    assert all(any(mask) for mask in cut["completion_mask"])


def test_more_rows_than_are_held_at_a_time_are_all_there(
    tokenizer: Any, trainset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, _ = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=True)
    monkeypatch.setattr(training, "_CHUNK", 16)
    in_chunks, _ = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=True)
    assert in_chunks.to_list() == at_once.to_list()


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
    assert training.history_of(log) == [
        {"step": 10, "epoch": 0.5, "loss": 3.12346, "grad_norm": 1.0, "learning_rate": 0.1},
        {"step": 20, "epoch": 1.0, "eval_loss": 2.0},
    ]


def test_the_curves_are_tables_of_step_and_loss(tmp_path: Path) -> None:
    history = [{"step": 10.0, "loss": 3.5}, {"step": 12.0, "eval_loss": 4.0}, {"step": 20.0, "loss": 1.5}]
    training.write_curves(tmp_path / "curves", history)
    assert (tmp_path / "curves" / "train.csv").read_text() == "step,loss\n10,3.5\n20,1.5\n"
    assert (tmp_path / "curves" / "validation.csv").read_text() == "step,loss\n12,4.0\n"
