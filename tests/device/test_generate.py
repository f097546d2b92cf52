"""Answers of real llama.cpp from miniature models."""

from __future__ import annotations

import ctypes
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt
import pytest

from stages.device import generate, sampling
from stages.device.generate import BLOCK, Answer, Generator
from stages.errors import UserError
from stages.lamp.grammar import Bounds, lamp_grammar
from stages.lamp.program import compact
from stages.lamp.validation import parse

SMALL = lamp_grammar(Bounds(max_steps=2, max_elements=3, max_step_elements=2, max_name=4, max_text=2))
LONG = list(range(300, 300 + 2 * BLOCK + 9))


@pytest.fixture(scope="module")
def random_weights(tiny_gguf: Path) -> Iterator[Generator]:
    with Generator(tiny_gguf, n_ctx=4096, n_threads=1) as generator:
        yield generator


@pytest.fixture(scope="module")
def taught(taught_model: Any) -> Iterator[Generator]:
    with Generator(taught_model.q4_k_m, n_threads=1) as generator:
        yield generator


def written(answer: Answer) -> tuple[str, int, bool]:
    return answer.text, answer.n_tokens, answer.finished


def written_under_llama_cpp_alone(
    generator: Generator, grammar: str, prompt: list[int], max_tokens: int, temperature: float, seed: int
) -> tuple[str, int, bool]:
    """The loop that our grammar spares: llama.cpp samples, and its own grammar looks at every token."""
    generator._evaluate(prompt)
    sampler = sampling.sampler_for(temperature, seed)
    rules = llama.llama_sampler_init_grammar(generator._vocab, grammar.encode(), b"root")

    def allowed(tokens: list[int]) -> Any:
        candidates = (llama.llama_token_data * len(tokens))()
        logits = llama.llama_get_logits_ith(generator._context, -1)
        for place, token in enumerate(tokens):
            candidates[place] = llama.llama_token_data(token, logits[token], 0.0)
        array = llama.llama_token_data_array(candidates, len(tokens), -1, False)
        llama.llama_sampler_apply(rules, ctypes.byref(array))
        return array

    text, count, finished = b"", 0, False
    while not finished and count < max_tokens:
        token = llama.llama_sampler_sample(sampler, generator._context, -1)
        if allowed([token]).data[0].logit == -math.inf:
            array = allowed(list(range(generator.n_vocab)))
            llama.llama_sampler_apply(sampler, ctypes.byref(array))
            token = array.data[array.selected].id
        if token not in generator._end:
            text, count = text + generator._pieces[token], count + 1
            llama.llama_sampler_accept(rules, token)
            batch = llama.llama_batch_get_one((llama.llama_token * 1)(token), 1)
            assert llama.llama_decode(generator._context, batch) == 0
        others = [other for other in range(generator.n_vocab) if other not in generator._end]
        array = allowed(others)
        finished = token in generator._end or all(array.data[place].logit == -math.inf for place in range(len(others)))
    llama.llama_sampler_free(sampler)
    llama.llama_sampler_free(rules)
    return text.decode(errors="replace"), count, finished


def asked(request: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "You write programs for a lamp with 140 LEDs in front and 32 behind."},
        {"role": "user", "content": f"Lamp program: {request}"},
    ]


@pytest.mark.parametrize("temperature", [1.0, 1.5])
def test_random_weights_write_valid_programs_under_the_grammar(random_weights: Generator, temperature: float) -> None:
    finished = 0
    for seed in range(50):
        answer = random_weights.generate(LONG[:9], max_tokens=1500, temperature=temperature, seed=seed)
        assert compact(parse(answer.text)) == answer.text
        assert answer.finished or answer.n_tokens == 1500
        finished += answer.finished
    assert finished >= 45


def test_an_answer_that_is_cut_short_anywhere_is_closed_to_a_valid_program(random_weights: Generator) -> None:
    whole = random_weights.generate(LONG[:9], max_tokens=1500, temperature=1.0, seed=4)
    for limit in range(1, whole.n_tokens):
        cut = random_weights.generate(LONG[:9], max_tokens=limit, temperature=1.0, seed=4)
        assert (cut.finished, cut.n_tokens) == (False, limit)
        assert compact(parse(cut.text)) == cut.text


def test_random_weights_write_no_program_without_the_grammar(random_weights: Generator) -> None:
    answer = random_weights.generate(LONG[:9], max_tokens=50, grammar=False)
    assert not answer.text.startswith("{")
    assert (answer.n_tokens, answer.finished) == (50, False)


@pytest.mark.parametrize("quant", ["f16", "q8_0", "q4_k_m"])
def test_each_quantisation_can_be_loaded_and_obeys_the_grammar(tiny_model: Any, quant: str) -> None:
    with Generator(getattr(tiny_model, quant), grammar=SMALL) as generator:
        answer = generator.generate(LONG[:9], max_tokens=1000, temperature=1.0, seed=3)
    assert answer.finished
    parse(answer.text)


def test_a_model_writes_what_it_was_taught_and_the_grammar_changes_nothing(
    taught: Generator, taught_answers: dict[str, str]
) -> None:
    for request, program in taught_answers.items():
        prompt = taught.prompt(asked(request))
        free = taught.generate(prompt, max_tokens=200, grammar=False)
        bound = taught.generate(prompt, max_tokens=200)
        assert free.text == program
        assert written(bound) == written(free)
        assert free.finished


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
def test_an_answer_is_the_one_that_llama_cpp_gives_under_its_own_grammar(
    taught_model: Any, taught_answers: dict[str, str], temperature: float
) -> None:
    longest = max(map(len, taught_answers.values()))
    with Generator(taught_model.q4_k_m, grammar=SMALL, n_threads=1) as generator:
        generator._mask.behind = refused = Mock(wraps=generator._mask.behind)
        sampled = 0
        # Known requests, whose names are too long for this grammar, and prompts that the model has never seen.
        prompts = [generator.tokens(generator.prompt(asked(request))) for request in ("red", "a green dot", "moon")]
        for number, prompt in enumerate([*prompts, LONG[:9], *prompts[::-1]]):
            answer = generator.generate(prompt, max_tokens=longest, temperature=temperature, seed=number)
            strict = written_under_llama_cpp_alone(generator, SMALL, prompt, longest, temperature, number)
            assert written(answer) == strict
            sampled += answer.n_tokens
    # The grammar is left now and then, and neither never nor always.
    assert 0 < refused.call_count < sampled


def test_an_answer_within_the_grammar_never_asks_llama_cpp_for_it(
    taught: Generator, taught_answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taught._mask, "behind", lambda written: pytest.fail(f"asked behind {written}"))
    for request, program in taught_answers.items():
        assert taught.generate(taught.prompt(asked(request)), max_tokens=200).text == program


def test_the_likeliest_token_is_the_one_that_llama_cpp_takes(random_weights: Generator) -> None:
    answer = random_weights.generate(LONG, max_tokens=100, grammar=False)
    random_weights._evaluate(LONG)
    sampler = sampling.sampler_for(0.0, 0)
    text = b""
    for _ in range(100):
        token = llama.llama_sampler_sample(sampler, random_weights._context, -1)
        text += random_weights._pieces[token]
        batch = llama.llama_batch_get_one((llama.llama_token * 1)(token), 1)
        assert llama.llama_decode(random_weights._context, batch) == 0
    llama.llama_sampler_free(sampler)
    assert answer.text == text.decode(errors="replace")


def test_a_complete_program_is_finished_before_its_end_token(taught: Generator, taught_answers: dict[str, str]) -> None:
    prompt = taught.prompt(asked("red"))
    length = taught.generate(prompt, max_tokens=200).n_tokens
    for grammar in (True, False):
        answer = taught.generate(prompt, max_tokens=length, grammar=grammar)
        assert answer.text == taught_answers["red"]
        assert answer.finished == grammar


def test_the_grammar_bends_an_answer_that_would_leave_it(taught_model: Any, taught_answers: dict[str, str]) -> None:
    rules = lamp_grammar(Bounds(max_steps=1, max_name=3))
    with Generator(taught_model.q4_k_m, grammar=rules) as generator:
        answer = generator.generate(generator.prompt(asked("green")), max_tokens=500)
    assert answer.text != taught_answers["green"]
    assert len(parse(answer.text)["program"]["name"]) <= 3


def test_the_prompt_is_the_one_that_transformers_renders_and_so_are_its_tokens(
    taught: Generator, taught_model: Any, taught_answers: dict[str, str]
) -> None:
    from transformers import LlamaTokenizer

    tokenizer = LlamaTokenizer.from_pretrained(taught_model.folder)
    chats = [asked(request) for request in taught_answers]
    running = [{"role": "assistant", "content": taught_answers["red"]}, {"role": "user", "content": "slower"}]
    chats += [asked("red") + running, asked("  two  spaces, an \u00e9 and a \U0001f600\nline <|end|>")]
    for chat in chats:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert taught.prompt(chat) == text
        assert taught.tokens(text) == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_text_of_the_metadata_is_read_and_a_missing_one_named(taught: Generator) -> None:
    assert taught.metadata("general.architecture") == "llama"
    with pytest.raises(UserError, match=r"no 'lampforge\.absent'"):
        taught.metadata("lampforge.absent")


def test_the_same_seed_gives_the_same_text_and_another_one_another(random_weights: Generator) -> None:
    answers = [random_weights.generate(LONG[:9], max_tokens=40, temperature=1.0, seed=seed) for seed in (5, 6, 5)]
    assert written(answers[0]) == written(answers[2])
    assert answers[0].text != answers[1].text


def test_no_seed_means_take_any(random_weights: Generator) -> None:
    answers = [
        random_weights.generate(LONG[:9], max_tokens=20, temperature=1.5, seed=seed)
        for seed in (-1, -1, 2**32 - 1, 2**32 - 1)
    ]
    assert answers[0].text == answers[1].text
    assert answers[2].text == answers[3].text


def test_an_answer_does_not_hang_on_what_was_asked_before(random_weights: Generator) -> None:
    def likelihoods(ids: list[int]) -> npt.NDArray[np.float32]:
        random_weights.generate(ids, max_tokens=1)
        logits = llama.llama_get_logits_ith(random_weights._context, -1)
        return np.ctypeslib.as_array(logits, (random_weights.n_vocab,)).copy()

    source = random.Random(1)
    first = likelihoods(LONG)
    for _ in range(20):
        other = [source.randrange(262, 500) for _ in range(source.randrange(1, 90))]
        likelihoods(LONG[: source.randrange(len(LONG))] + other)
        # To the last bit: a difference in rounding would become another text sooner or later.
        assert (likelihoods(LONG) == first).all()


def test_whole_blocks_of_a_common_beginning_are_not_evaluated_again(random_weights: Generator) -> None:
    def evaluated(ids: list[int]) -> int:
        return random_weights.generate(ids, max_tokens=1).n_prompt

    evaluated([400])
    assert evaluated(LONG) == len(LONG) == 2 * BLOCK + 9
    assert evaluated(LONG) == 9
    assert evaluated([*LONG[: BLOCK + 5], 400]) == 6
    assert evaluated(LONG) == BLOCK + 9
    assert evaluated(LONG[: 2 * BLOCK]) == BLOCK, "the last token is evaluated always"
    assert evaluated(LONG) == 9
    assert evaluated([400, *LONG]) == len(LONG) + 1


def test_the_times_of_an_answer_add_up(random_weights: Generator) -> None:
    answer = random_weights.generate(LONG, max_tokens=30, grammar=False)
    assert 0 < answer.first_token_ms < answer.total_ms
    assert 0 < answer.decode_ms < answer.total_ms
    assert answer.first_token_ms + answer.decode_ms == pytest.approx(answer.total_ms, abs=5)


def test_an_answer_ends_where_the_context_does(tiny_gguf: Path) -> None:
    with Generator(tiny_gguf, n_ctx=256) as generator:
        answer = generator.generate(LONG, max_tokens=10_000, grammar=False)
        assert (answer.n_tokens, answer.finished) == (generator.n_ctx - len(LONG), False)
        with pytest.raises(UserError, match="the prompt has 256 tokens and the context 256"):
            generator.generate([300] * 256, max_tokens=1)


@pytest.mark.parametrize(("prompt", "max_tokens"), [([], 5), ("", 5), ([300], 0)])
def test_an_empty_prompt_or_answer_is_refused(
    random_weights: Generator, prompt: str | list[int], max_tokens: int
) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        random_weights.generate(prompt, max_tokens=max_tokens)


def test_a_closed_generator_says_so(tiny_gguf: Path) -> None:
    generator = Generator(tiny_gguf)
    generator.close()
    generator.close()
    with pytest.raises(ValueError, match="closed"):
        generator.generate([300], max_tokens=1)


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.1, 0.5, 0.999])
def test_a_truncated_gguf_is_one_line_for_the_user(tiny_gguf: Path, tmp_path: Path, share: float) -> None:
    data = tiny_gguf.read_bytes()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(data[: max(int(share * len(data)), 5 if share else 0)])
    with pytest.raises(UserError) as error:
        Generator(broken)
    assert str(broken) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_gguf_is_named_with_what_it_begins_with(tmp_path: Path) -> None:
    text = tmp_path / "notes.gguf"
    text.write_text("just a text")
    with pytest.raises(UserError, match=r"no GGUF file \(it begins with b'just'\)"):
        Generator(text)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.gguf: no such file"):
        Generator(tmp_path / "absent.gguf")
    with pytest.raises(UserError, match="is a directory"):
        Generator(tmp_path)


def test_a_grammar_that_does_not_parse_is_refused_at_once(tiny_gguf: Path) -> None:
    for wrong in ('root ::= "a" (', 'other ::= "a"', "root ::= missing", ""):
        with pytest.raises(ValueError, match="cannot parse this grammar"):
            Generator(tiny_gguf, grammar=wrong)


def test_a_grammar_that_the_vocabulary_cannot_write_is_an_error_and_no_crash(tiny_gguf: Path) -> None:
    with (
        Generator(tiny_gguf, grammar=r"root ::= [\x00]") as generator,
        pytest.raises(RuntimeError, match="no token of this vocabulary"),
    ):
        generator.generate([300], max_tokens=5)


def test_llama_cpp_is_silent_unless_asked(tiny_gguf: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Generator(tiny_gguf).close()
    assert capfd.readouterr().err == ""
    Generator(tiny_gguf, verbose=True).close()
    assert "llama_model_loader" in capfd.readouterr().err


def test_a_thousand_answers_leak_nothing(tiny_gguf: Path) -> None:
    psutil = pytest.importorskip("psutil")
    memory = psutil.Process().memory_info
    with Generator(tiny_gguf, grammar=SMALL, n_threads=1) as generator:

        def answer(count: int) -> None:
            for number in range(count):
                generator.generate(LONG[: number % 40 + 1], max_tokens=4, temperature=number % 2, seed=number)

        answer(200)
        before = memory().rss
        answer(1000)
        assert memory().rss - before < 2 << 20


def test_a_generator_leaks_nothing(tiny_gguf: Path) -> None:
    psutil = pytest.importorskip("psutil")

    def load(count: int) -> None:
        for _ in range(count):
            with Generator(tiny_gguf, grammar=SMALL) as generator:
                generator.generate([300], max_tokens=2)

    load(5)
    before = psutil.Process().memory_info().rss
    load(20)
    # One model and its context are over 8 MB.
    assert psutil.Process().memory_info().rss - before < 20 << 20


def test_a_small_model_gets_one_thread_and_no_model_more_than_four(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert generate.default_threads(tiny_gguf) == 1
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.truncate(generate.SINGLE_THREAD_BYTES)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(1000, 1064)))
    assert generate.default_threads(large) == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1000, 1001})
    assert generate.default_threads(large) == 2


def test_the_lamp_loads_no_training_library() -> None:
    heavy = {"torch", "transformers", "dvc", "mlflow"}
    code = f"import os, sys, stages.device.generate;print({heavy} & set(sys.modules), os.environ['OMP_WAIT_POLICY'])"
    root = Path(__file__).parents[2]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set() passive\n"
