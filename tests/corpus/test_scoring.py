"""Scorers of answers, on a Llama with random weights made here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stages.corpus import scoring
from stages.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["<unk>", "<end>", "user", "assistant", "system", "a", "b", "c", "d", "e", "f"]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ' ' + message['content'] + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)
ASKED = [{"role": "user", "content": "a b"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.5,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(path)
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<end>", pad_token="<end>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def knobs(folder: Path) -> scoring.Knobs:
    return scoring.Knobs(model=str(folder), revision=None, max_tokens=40, batch_size=1, threads=1)


def by_hand(folder: Path, prompt: str, answer: str) -> float:
    """The mean log-probability, one token after the other, each by a softmax written out."""
    model, total, text = AutoModelForCausalLM.from_pretrained(folder).eval(), 0.0, prompt.split()
    for word in answer.split():
        with torch.no_grad():
            logits = model(torch.tensor([[WORDS.index(each) for each in text]])).logits[0, -1].tolist()
        total += logits[WORDS.index(word)] - math.log(sum(map(math.exp, logits)))
        text.append(word)
    return total / len(answer.split())


def test_without_a_scorer_all_answers_are_equal() -> None:
    assert scoring.NoOpinion().score([ASKED, ASKED], ["a", "b c"]) == [0.0, 0.0]


def test_the_likelihood_is_the_mean_log_probability_of_the_answers_tokens(knobs: scoring.Knobs, folder: Path) -> None:
    scores = scoring.Likelihood(knobs).score([ASKED, ASKED], ["c d e f", "f"])
    prompt = "user a b <end> assistant"
    assert scores == pytest.approx([by_hand(folder, prompt, "c d e f"), by_hand(folder, prompt, "f")], abs=1e-5)
    assert scores[0] != pytest.approx(scores[1], abs=1e-2)


def test_a_model_that_knows_nothing_gives_each_token_the_same_chance(knobs: scoring.Knobs, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(knobs.model)
    torch.nn.init.zeros_(model.lm_head.weight)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(knobs.model).save_pretrained(tmp_path)
    scores = scoring.Likelihood(replace(knobs, model=str(tmp_path))).score([ASKED] * 2, ["a", "b c d"])
    assert scores == pytest.approx([-math.log(len(WORDS))] * 2, abs=1e-6)


def test_turns_and_system_prompt_count(knobs: scoring.Knobs, folder: Path) -> None:
    prompt = [
        {"role": "system", "content": "e"}, *ASKED, {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    ]  # fmt: skip
    text = "system e <end> user a b <end> assistant c <end> user d <end> assistant"
    assert scoring.Likelihood(knobs).score([prompt], ["f a"]) == pytest.approx([by_hand(folder, text, "f a")], abs=1e-5)


def test_answers_of_different_lengths_are_scored_alike_in_one_batch(knobs: scoring.Knobs) -> None:
    prompts = [ASKED, [{"role": "user", "content": "c"}], ASKED, ASKED]
    answers = ["c d e f a b", "d", "a a", "b"]
    alone = scoring.Likelihood(knobs).score(prompts, answers)
    assert scoring.Likelihood(replace(knobs, batch_size=3)).score(prompts, answers) == pytest.approx(alone, abs=1e-5)


def test_an_answer_without_tokens_has_no_score(knobs: scoring.Knobs) -> None:
    first, second, third = scoring.Likelihood(replace(knobs, batch_size=3)).score([ASKED] * 3, ["a", " ", "b"])
    assert math.isnan(second)
    assert math.isfinite(first) and math.isfinite(third)


def test_what_is_too_long_keeps_the_end_of_the_prompt_and_the_beginning_of_the_answer(
    knobs: scoring.Knobs, folder: Path
) -> None:
    judge = scoring.Likelihood(replace(knobs, max_tokens=6))
    assert judge.score([ASKED], ["c d e f"]) == pytest.approx([by_hand(folder, "b <end> assistant", "c d e")], abs=1e-5)


def test_a_model_without_a_template_gets_the_messages_parted_by_blank_lines(
    knobs: scoring.Knobs, folder: Path, tmp_path: Path
) -> None:
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    scores = scoring.Likelihood(replace(knobs, model=str(tmp_path))).score([ASKED], ["c d"])
    assert scores == pytest.approx([by_hand(folder, "a b", "c d")], abs=1e-5)


def test_a_template_that_refuses_a_prompt_is_one_clear_line(knobs: scoring.Knobs, folder: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{{ raise_exception('no system prompts') }}"
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"chat template of .*no system prompts.*take another model"):
        scoring.Likelihood(replace(knobs, model=str(tmp_path))).score([ASKED], ["c"])


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_folder_without_a_model_is_one_clear_line(knobs: scoring.Knobs, tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"likelihood\.model: .* cannot be loaded .*name the folder or the hub id"):
        scoring.Likelihood(replace(knobs, model=str(tmp_path)))


def test_a_hub_id_that_cannot_be_reached_is_one_clear_line(knobs: scoring.Knobs) -> None:
    with pytest.raises(UserError, match=r"'nobody/nothing' cannot be loaded"):
        scoring.Likelihood(replace(knobs, model="nobody/nothing"))


def test_likelihood_needs_a_model(knobs: scoring.Knobs) -> None:
    with pytest.raises(UserError, match=r"likelihood\.model is empty"):
        scoring.check("likelihood", replace(knobs, model=""))
    scoring.check("none", replace(knobs, model=""))
    assert isinstance(scoring.scorer("none", replace(knobs, model="")), scoring.NoOpinion)


def test_the_files_of_a_local_model_are_known_where_it_is_used(knobs: scoring.Knobs, folder: Path) -> None:
    assert folder / "model.safetensors" in scoring.files_of("likelihood", knobs)
    assert scoring.files_of("none", knobs) == []
    assert scoring.files_of("likelihood", replace(knobs, model="nobody/nothing")) == []


def test_a_process_that_scores_is_pinned_but_may_fetch_from_the_hub(knobs: scoring.Knobs) -> None:
    code = (
        "import os, json; from stages.corpus import scoring;"
        f" scoring.Likelihood(scoring.Knobs({knobs.model!r}, None, 40, 1, 1)); import torch;"
        " print(json.dumps([torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'], os.environ['HF_HUB_OFFLINE']]))"
    )
    environment = {"PATH": "/usr/bin:/bin", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [1, "passive", "0"]


def test_to_know_the_scorers_loads_no_training_library() -> None:
    code = "import sys, stages.corpus_preferences; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not {"torch", "transformers", "polars", "pyarrow"} & set(done.stdout.split())
