"""Preference tuning: deterministic, resumable, against the adapter as it came in, on the same tokens as training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from stages import files
from stages.corpus.preferences import PAIRS
from stages.errors import UserError
from stages.model import chat, training
from stages.model import preference_training as tuning
from stages.model.preference_training import Preference
from stages.model.training import Schedule
from tests.model.test_training import Killed, assert_same_weights, killer, steps

pytestmark = pytest.mark.usefixtures("one_thread", "frequent_history")

CONTEXT = 1024
# 36 pairs and more in batches of 8: 5 steps an epoch, a checkpoint at every second one.
SCHEDULE = Schedule(
    epochs=2,
    batch_size=8,
    learning_rate=1e-3,
    warmup_share=0.1,
    weight_decay=0.0,
    save_steps=2,
    seed=7,
    context=CONTEXT,
)
LAST_STEP = 10
BY_BOTH = Preference(beta=0.1, losses=("sigmoid", "sft"), weights=(0.3, 1.0), held_out=0.1)
ALONE = Preference(beta=0.1, losses=("sigmoid",), weights=(1.0,), held_out=0.0)


@pytest.fixture
def frequent_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of every second step, as often as checkpoints: it is a mean over the steps since the last one."""
    monkeypatch.setattr(training, "_LOGGING_STEPS", SCHEDULE.save_steps)


@pytest.fixture
def pairs_file(trainset: Path, tmp_path: Path) -> Path:
    """The training rows; the wrong answer to each is the right one to the next."""
    rows = list(files.read_rows(trainset / "train.jsonl"))
    path = tmp_path / "pairs.jsonl"
    files.write_rows(path, (pair(row, other) for row, other in zip(rows, [*rows[1:], rows[0]], strict=True)))
    return path


def pair(row: dict[str, Any], other: dict[str, Any], **more: Any) -> dict[str, Any]:
    messages = row["messages"]
    return {
        "id": f"{row['id']}-request",
        "row": row["id"],
        "prompt": messages[:-1],
        "chosen": messages[-1:],
        "rejected": other["messages"][-1:],
        **more,
    }


@pytest.fixture
def adapted(new_model: Callable[..., Any]) -> Callable[[], Any]:
    """Makes a model with an adapter that has learnt something: none of its weights is zero."""

    def make(targets: Any = "all-linear") -> Any:
        from peft import LoraConfig, get_peft_model

        model = new_model(64)
        torch.manual_seed(0)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM")
        return get_peft_model(model, config)

    return make


def weights_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: weights.detach().clone() for name, weights in model.state_dict().items()}


# Going on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "hook", "whole"),
    [
        (3, "on_step_end", [2]),  # within the first epoch
        (7, "on_step_end", [4, 6]),  # in the second epoch, which has another order of pairs
        (6, "on_save", [4]),  # while a checkpoint is being written
        (LAST_STEP, "on_train_end", [8, 10]),  # when all is done but for the result
    ],
)
def test_a_killed_tuning_ends_in_the_same_bits_as_an_undisturbed_one(
    adapted: Callable[..., Any],
    tokenizer: Any,
    pairs_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    hook: str,
    whole: list[int],
) -> None:
    whole_run, wanted = tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "a", BY_BOTH)
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(step, hook))
        with pytest.raises(Killed):
            tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "b", BY_BOTH)
    assert steps(tmp_path / "b") == whole
    model, history = tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "b", BY_BOTH)
    assert_same_weights(weights_of(model), weights_of(whole_run))
    assert history == wanted


def test_a_tuning_that_goes_on_keeps_the_reference_of_its_beginning(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(training, "_MarkComplete", killer(7, "on_step_end"))
        with pytest.raises(Killed):
            tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "c", ALONE)
    kept = list((tmp_path / "c").glob("checkpoint-6/ref/adapter_model.safetensors"))
    assert kept
    from safetensors.torch import load_file

    start = {name: values for name, values in adapted().named_parameters() if "lora_" in name}
    for name, values in load_file(kept[0]).items():
        assert torch.equal(values, start[name.replace(".weight", ".default.weight")])


# What is learnt ---------------------------------------------------------------------------------------------


def test_the_reference_is_the_adapter_as_it_came_in_and_not_the_base(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    _, history = tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "c", ALONE)
    # No answer is any likelier than the reference finds it before the first step, or the loss would be another one.
    assert history[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert history[0]["rewards/margins"] == 0.0


def test_the_right_answers_become_likelier_than_the_wrong_ones_and_only_the_adapter_moves(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    before = weights_of(adapted())
    longer = replace(SCHEDULE, epochs=6)
    model, history = tuning.train_pairs(adapted(), tokenizer, pairs_file, longer, tmp_path / "c", ALONE)
    last = [row for row in history if "loss" in row][-1]
    assert last["rewards/margins"] > 0.05 and last["rewards/accuracies"] > 0.7 and last["loss"] < history[0]["loss"]
    after = weights_of(model)
    assert after.keys() == before.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all("lora_" in name for name in moved)


def test_the_history_has_losses_and_rewards_of_the_taught_and_of_the_held_out_pairs(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    _, history = tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "c", BY_BOTH)
    taught = [row for row in history if "loss" in row]
    measured = [row for row in history if "eval_loss" in row]
    rewards = {"rewards/margins", "rewards/accuracies"}
    assert all(row.keys() == {"step", "epoch", "loss", "grad_norm", "learning_rate", *rewards} for row in taught)
    held_out = {"eval_rewards/margins", "eval_rewards/accuracies"}
    assert [row.keys() for row in measured] == [{"step", "epoch", "eval_loss", *held_out}] * SCHEDULE.epochs
    assert measured[-1]["step"] == LAST_STEP


def test_what_trl_put_on_the_model_is_taken_off_again(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    model, _ = tuning.train_pairs(adapted(), tokenizer, pairs_file, SCHEDULE, tmp_path / "c", ALONE)
    assert list(model.peft_config) == ["default"] and model.active_adapters == ["default"]
    assert "forward" not in vars(model.get_base_model())
    assert all(weights.requires_grad for name, weights in model.named_parameters() if "lora_" in name)
    assert torch.utils.deterministic.fill_uninitialized_memory is True


def test_the_weights_of_the_best_validation_can_be_kept(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    best = replace(SCHEDULE, keep="best")
    _, history = tuning.train_pairs(adapted(), tokenizer, pairs_file, best, tmp_path / "c", BY_BOTH)
    folder = training.weights_elsewhere(best, tmp_path / "c")
    assert folder is not None and (folder / "adapter_model.safetensors").exists()
    losses = [row["eval_loss"] for row in history if "eval_loss" in row]
    assert files.read_json(folder / "best.json")["eval_loss"] == pytest.approx(min(losses), rel=1e-5)


# Which pairs -------------------------------------------------------------------------------------------------


def test_the_tokens_are_those_of_training_and_end_with_the_end_token(
    tokenizer: Any, trainset: Path, pairs_file: Path
) -> None:
    pairs = tuning.token_pairs(tokenizer, pairs_file, CONTEXT, 0.0, 7)
    rows, _ = training.token_rows(tokenizer, trainset / "train.jsonl", CONTEXT, completion_only=True)
    assert len(pairs.taught) == len(rows) == 40
    for taught, row in zip(pairs.taught, rows, strict=True):
        assert taught["prompt_ids"] + taught["chosen_ids"] == row["input_ids"]
        assert len(taught["prompt_ids"]) == row["completion_mask"].count(0)
        end = tokenizer.convert_tokens_to_ids(chat.END)
        assert taught["chosen_ids"][-1] == taught["rejected_ids"][-1] == end


def test_pairs_longer_than_the_context_are_left_out_and_counted(tokenizer: Any, pairs_file: Path) -> None:
    whole = tuning.token_pairs(tokenizer, pairs_file, CONTEXT, 0.0, 7).taught
    longest = [len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in whole]
    context = sorted(longest)[20]
    pairs = tuning.token_pairs(tokenizer, pairs_file, context, 0.0, 7)
    assert len(pairs.taught) == sum(length <= context for length in longest)
    assert pairs.left_out == {"too_long": sum(length > context for length in longest)}
    with pytest.raises(UserError, match=r"no pair is left to learn from \(left out: \{'too_long': 40\}\)"):
        tuning.token_pairs(tokenizer, pairs_file, 5, 0.0, 7)


def test_pairs_whose_chat_the_template_refuses_are_left_out_and_counted(
    tokenizer: Any, pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = "{% if messages[1].content[-1] == 'e' %}{{ raise_exception('no') }}{% endif %}" + chat.TEMPLATE
    monkeypatch.setattr(tokenizer, "chat_template", refusing)
    refused = sum(row["prompt"][1]["content"][-1] == "e" for row in files.read_rows(pairs_file))
    pairs = tuning.token_pairs(tokenizer, pairs_file, CONTEXT, 0.0, 7)
    assert 0 < refused < 40
    assert (len(pairs.taught), pairs.left_out) == (40 - refused, {"template_refuses": refused})


def test_all_pairs_of_a_request_are_on_one_side_and_the_side_hangs_on_the_request(
    tokenizer: Any, trainset: Path, tmp_path: Path
) -> None:
    rows = list(files.read_rows(trainset / "train.jsonl"))
    several = [pair(row, rows[n], id=f"{row['id']}-{n}") for row in rows for n in range(3)]
    files.write_rows(tmp_path / "pairs.jsonl", several)
    pairs = tuning.token_pairs(tokenizer, tmp_path / "pairs.jsonl", CONTEXT, 0.3, 7)
    sides = [{tuple(row["prompt_ids"]) for row in side} for side in (pairs.taught, pairs.held_out)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]
    assert len(pairs.taught) + len(pairs.held_out) == 120
    files.write_rows(tmp_path / "pairs.jsonl", several[::-1])
    turned = tuning.token_pairs(tokenizer, tmp_path / "pairs.jsonl", CONTEXT, 0.3, 7)
    assert {tuple(row["prompt_ids"]) for row in turned.held_out} == sides[1]


def test_the_pairs_of_the_corpus_are_read_too_with_all_their_turns(
    tokenizer: Any, adapted: Callable[..., Any], tmp_path: Path
) -> None:
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    rows = [
        {
            "prompt": [*said, {"role": "user", "content": f"what is {n}?"}],
            "chosen": [{"role": "assistant", "content": f"{n} is a number"}],
            "rejected": [{"role": "assistant", "content": "go away"}],
            **{"_id": f"toy-{n}", "_source": "toy", "_category": "factual", "_license": "MIT", "_margin": None},
        }
        for n in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows, PAIRS), tmp_path / "train.parquet")
    for place in (tmp_path / "train.parquet", tmp_path):
        assert [row["id"] for row in tuning.read_pairs(place)] == [f"toy-{n}" for n in range(40)]
    pairs = tuning.token_pairs(tokenizer, tmp_path, CONTEXT, 0.0, 7)
    text = tokenizer.decode(pairs.taught[3]["prompt_ids"] + pairs.taught[3]["rejected_ids"])
    turns = "<|user|> hi<|end|><|assistant|>hello<|end|><|user|> what is 3?<|end|><|assistant|>go away<|end|>"
    assert text == turns
    _, history = tuning.train_pairs(adapted(), tokenizer, tmp_path, SCHEDULE, tmp_path / "c", ALONE)
    assert history[-1]["step"] == LAST_STEP


# Mistakes ----------------------------------------------------------------------------------------------------


def test_what_is_no_file_of_pairs_is_named_in_one_line(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neither train\.parquet nor pairs\.jsonl"):
        list(tuning.read_pairs(tmp_path))
    with pytest.raises(UserError, match=r"pairs\.jsonl: no such file"):
        list(tuning.read_pairs(tmp_path / "pairs.jsonl"))
    with pytest.raises(UserError, match=r"train\.parquet: no such file"):
        list(tuning.read_pairs(tmp_path / "train.parquet"))
    (tmp_path / "train.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(UserError, match=r"train\.parquet: no pairs in Parquet"):
        list(tuning.read_pairs(tmp_path))
    pq.write_table(pa.table({"_id": ["a"], "text": ["b"]}), tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"train\.parquet: no pairs in Parquet"):
        list(tuning.read_pairs(tmp_path))
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"id": "a", "prompt": []}) + "\n")
    with pytest.raises(UserError, match=r"pairs\.jsonl:1: the row has no chosen, rejected"):
        list(tuning.read_pairs(tmp_path / "pairs.jsonl"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"losses": ("sigmoyd", "sft")}, "loss sigmoyd of preference tuning; take sigmoid, "),
        ({"losses": (), "weights": ()}, "loss none of preference tuning"),
        ({"weights": (1.0,)}, "2 losses and 1 weights; give each loss one"),
        ({"beta": 0.0}, "beta 0.0, held_out 0.1: beta is above 0"),
        ({"held_out": 1.0}, "held_out 1.0: beta is above 0, held_out from 0 to less than 1"),
    ],
)
def test_a_preference_that_makes_no_sense_is_refused(changed: dict[str, Any], said: str) -> None:
    known = {"beta": 0.1, "losses": ("sigmoid", "sft"), "weights": (0.3, 1.0), "held_out": 0.1}
    with pytest.raises(UserError, match=said):
        Preference(**{**known, **changed})


def test_an_adapter_on_the_last_layer_is_refused(
    adapted: Callable[..., Any], tokenizer: Any, pairs_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="changes lm_head"):
        tuning.train_pairs(adapted(["lm_head", "q_proj"]), tokenizer, pairs_file, SCHEDULE, tmp_path / "c", ALONE)
