"""Preference tuning makes a lamp of a model that was trained too little: more of its answers are on brief."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages import files, lamp_trainset
from stages.lamp import brief, pairing, taxonomy, validation
from stages.lamp.asking import RequestFormat
from stages.lamp.flaws import Flaw
from stages.lamp.teachers.rule_based import RuleBased
from stages.model import preference_training as tuning
from stages.model import tokenizer as tokenizing
from stages.model import training
from stages.model.preference_training import Preference
from stages.model.training import Schedule

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

SEED_FOLDER = Path(__file__).resolve().parents[2] / "data" / "seed"
ASKING = RequestFormat("You are a lamp.", "Light program for: {prompt}", "{prompt} over {running}")
COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "brown")
SAY = {
    "solid": ("{} light", "all {}", "make it {}", "plain {} please"),
    "breathing": ("breathe {}", "{} breathing slowly", "a {} breath", "let {} come and go"),
    "wave": ("{} and {other} waves", "waves of {} and {other}", "{} rolling into {other}", "a wave from {} to {other}"),
}
CONTEXT = 256
PREFERENCE = Preference(beta=0.1, losses=("sigmoid", "sft"), weights=(0.3, 1.0), held_out=0.1)

Row = dict[str, Any]


def schedule(epochs: int) -> Schedule:
    return Schedule(
        epochs=epochs,
        batch_size=8,
        learning_rate=2e-3,
        warmup_share=0.05,
        weight_decay=0.05,
        save_steps=1000,
        seed=7,
        context=CONTEXT,
    )


@pytest.fixture(scope="module")
def words() -> taxonomy.Taxonomy:
    return taxonomy.load(SEED_FOLDER)


@pytest.fixture(scope="module")
def rows(words: taxonomy.Taxonomy) -> list[Row]:
    """120 requests for patterns in ten colours, with their meanings and right answers."""
    teacher = RuleBased(words, 7)
    found = []
    for kind, says in SAY.items():
        for n, color in enumerate(COLORS):
            for k, say in enumerate(says):
                other = COLORS[(n + 3 + k) % len(COLORS)]
                colors = [words.colors[name] for name in ([color, other] if "{other}" in say else [color])]
                request = {
                    "id": f"{kind}-{color}-{k}",
                    "prompt": say.format(color, other=other),
                    "category": "pattern",
                    "meaning": {"intent": "pattern", "pattern": kind, "colors": colors, "title": kind},
                }
                found.append({**request, "response": teacher.response(request)})
    return found


def split(rows: list[Row], folder: Path) -> tuple[list[Row], list[Row]]:
    """The rows to learn from and those that are only asked, also as a training set in `folder`."""
    chosen = lamp_trainset.validation_ids(rows, 0.2, 7)
    sides = [row for row in rows if row["id"] not in chosen], [row for row in rows if row["id"] in chosen]
    for name, side in zip(("train.jsonl", "val.jsonl"), sides, strict=True):
        files.write_rows(folder / name, (lamp_trainset.chat_row(row, ASKING) for row in side))
    return sides


def write_pairs(rows: list[Row], path: Path) -> None:
    """Right and wrong answers as the stage lamp_pairs makes them."""
    rules = pairing.Rules(7, 4, (Flaw.COLOR, Flaw.SUBJECT))
    donors, supply = pairing.Donors(rows), pairing.stock(rows)
    cases = [donors.case(row, ASKING.messages(row["prompt"]), rules) for row in rows]
    outcomes = pairing.paired(cases, rules, supply, SEED_FOLDER)
    files.write_rows(path, (pair for _, pairs, _ in outcomes for pair in pairs))


def small_model(tokenizer: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def on_brief(model: Any, tokenizer: Any, asked: list[Row], words: taxonomy.Taxonomy) -> float:
    """The share of requests whose greedy answer is a valid program and what was asked for."""
    import torch

    model.eval()
    right = 0
    for row in asked:
        ids = tokenizing.token_ids(tokenizer, ASKING.messages(row["prompt"]), add_generation_prompt=True)
        prompt = torch.tensor([ids])
        written = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=60, do_sample=False
        )
        try:
            program = validation.parse(tokenizer.decode(written[0][len(ids) :], skip_special_tokens=True))
        except validation.InvalidProgram:
            continue
        right += not brief.off_brief(row["meaning"], program, words)
    return right / len(asked)


def test_tuning_on_pairs_raises_the_share_on_brief_of_an_under_trained_model(
    rows: list[Row], words: taxonomy.Taxonomy, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    taught, asked = split(rows, tmp_path)
    write_pairs(taught, tmp_path / "pairs.jsonl")
    (tmp_path / "tokenizer").mkdir()
    chats = [row["messages"] for row in files.read_rows(tmp_path / "train.jsonl")]
    tokenizing.train(chats, 1024, 3, CONTEXT, tmp_path / "tokenizer")
    tokenizer = tokenizing.load(tmp_path / "tokenizer")
    learnt, validated, _ = training.datasets(tokenizer, tmp_path, CONTEXT, completion_only=True)
    base, _ = training.train(small_model(tokenizer), tokenizer, learnt, validated, schedule(12), tmp_path / "base")
    before = [on_brief(base, tokenizer, side, words) for side in (taught, asked)]
    lora = LoraConfig(r=32, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM")
    model, history = tuning.train_pairs(
        get_peft_model(base, lora), tokenizer, tmp_path / "pairs.jsonl", schedule(8), tmp_path / "tuned", PREFERENCE
    )
    after = [on_brief(model, tokenizer, side, words) for side in (taught, asked)]
    print(f"on brief, taught and never seen: before {before}, after {after}; {history[-1]}")
    assert before[0] < 0.4 and before[1] < 0.4, "it is trained too little"
    assert after[0] > before[0] + 0.4 and after[1] > before[1] + 0.4
    assert history[-1]["eval_rewards/accuracies"] > 0.7
