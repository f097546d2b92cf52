"""Each family's miniature through the whole path: base, adapter, merged, GGUF, quants, answers under the grammar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import pytest
from gguf import GGMLQuantizationType, GGUFReader

from stages import files, lamp_trainset, model_gguf
from stages.device import sampling
from stages.device.generate import Generator
from stages.errors import UserError
from stages.lamp.validation import parse
from stages.model import bases, chat, determinism, gguf, miniatures
from stages.model import tokenizer as tokenizing
from tests.model import families
from tests.model.conftest import ASKING

Row = dict[str, Any]
SCREENED = families.ROOT / "data" / "lamp" / "screened.jsonl"
QUANTS = {"Q8_0": GGMLQuantizationType.Q8_0, "Q4_K_M": GGMLQuantizationType.Q4_K}
STOPS = {"llama3": "<|eot_id|>", "gemma3": "<end_of_turn>", "phi4": "<|end|>", "tinyllama": "</s>"}
ASKED = [
    {"role": "system", "content": "You are a lamp."},
    {"role": "user", "content": "red"},
    {"role": "assistant", "content": "{}"},
    {"role": "user", "content": " slower "},
]
RENDERED = {
    "llama3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
        "Today Date: 26 Jul 2024\n\nYou are a lamp.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nred<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        "slower<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "gemma3": (
        "<bos><start_of_turn>user\nYou are a lamp.\n\nred<end_of_turn>\n<start_of_turn>model\n{}<end_of_turn>\n"
        "<start_of_turn>user\nslower<end_of_turn>\n<start_of_turn>model\n"
    ),
    "phi4": (
        "<|system|>You are a lamp.<|end|><|user|>red<|end|><|assistant|>{}<|end|><|user|> slower <|end|><|assistant|>"
    ),
    "tinyllama": (
        "<|system|>\nYou are a lamp.</s>\n<|user|>\nred</s>\n<|assistant|>\n{}</s>\n<|user|>\n slower </s>\n"
        "<|assistant|>\n"
    ),
}


@dataclass(frozen=True)
class Made:
    """A miniature on its way. model: the merged one, gguf: what was made of it, in F16 and the quants."""

    family: str
    base: Path
    adapter: Path
    merged: Path
    gguf: dict[str, Path]
    tokenizer: Any

    def model(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self.merged, dtype=torch.float32).eval()


@pytest.fixture(scope="module", params=families.BASES)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trainset: Path, chat_rows: list[Row]
) -> Iterator[Made]:
    import torch

    family, folder = request.param, tmp_path_factory.mktemp(request.param)
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    determinism.pin_torch(1, 0)
    base = families.make_base(family, trainset, folder)
    adapter = families.make_adapter(base, [row["messages"] for row in chat_rows[:10]], folder / "adapter", steps=10)
    model_gguf.merge(base, adapter, folder / "merged")
    paths = {quant: folder / f"{quant}.gguf" for quant in ("F16", *QUANTS)}
    gguf.convert(folder / "merged", paths["F16"], family)
    for quant in QUANTS:
        gguf.quantise(paths["F16"], paths[quant], quant)
    yield Made(family, base, adapter, folder / "merged", paths, tokenizing.load(base))
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(strict)


def test_a_miniature_has_its_familys_architecture_and_a_few_mb(made: Made) -> None:
    config = json.loads((made.base / "config.json").read_text())
    wanted = {"llama3": "Llama", "gemma3": "Gemma3", "phi4": "Phi3", "tinyllama": "Llama"}[made.family]
    assert config["architectures"] == [f"{wanted}ForCausalLM"]
    assert config["tie_word_embeddings"] == (made.family != "tinyllama")
    assert sum(path.stat().st_size for path in made.base.iterdir()) < 16e6
    kinds = {"llama3": "gpt2", "phi4": "gpt2", "gemma3": "llama", "tinyllama": "llama"}
    fields = GGUFReader(made.gguf["F16"]).fields
    assert fields["tokenizer.ggml.model"].contents() == kinds[made.family]
    pre = {"llama3": "llama-bpe", "phi4": "gpt-4o", "gemma3": "default", "tinyllama": "default"}
    assert fields["tokenizer.ggml.pre"].contents() == pre[made.family]


def test_it_learns_in_a_few_steps(made: Made, trainset: Path) -> None:
    import torch

    model, losses = made.model(), []
    for row in files.read_rows(trainset / "train.jsonl"):
        ids = torch.tensor([tokenizing.token_ids(made.tokenizer, row["messages"])])
        with torch.no_grad():
            losses.append(float(model(input_ids=ids, labels=ids).loss))
    assert sum(losses) / len(losses) < 1.0  # of random weights: 6.7


def test_the_folder_says_what_it_is(made: Made) -> None:
    base = bases.read(made.base)
    assert (base.name, base.family, base.miniature) == (families.BASES[made.family], made.family, True)
    assert (base.stop, base.revision) == (STOPS[made.family], None)


def test_the_target_modules_are_all_linear_layers_but_the_last(made: Made) -> None:
    import torch

    model = made.model()
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)} - {"lm_head"}
    assert {name.rpartition(".")[2] for name in linear} == set(bases.read(made.base).target_modules)


def test_the_template_gives_what_the_family_publishes_in_transformers_and_in_llama_cpp(made: Made) -> None:
    text = made.tokenizer.apply_chat_template(ASKED, tokenize=False, add_generation_prompt=True)
    assert text == RENDERED[made.family]
    with Generator(made.gguf["Q4_K_M"], n_ctx=512) as generator:
        assert generator.prompt(ASKED) == text


def test_transformers_and_llama_cpp_give_the_same_ids(made: Made, chat_rows: list[Row]) -> None:
    with Generator(made.gguf["Q8_0"], n_ctx=512) as generator:
        for row in chat_rows:
            whole, prompt = row["messages"], row["messages"][:-1]
            text = made.tokenizer.apply_chat_template(whole, tokenize=False)
            assert generator.tokens(text) == tokenizing.token_ids(made.tokenizer, whole)
            asked = tokenizing.token_ids(made.tokenizer, prompt, add_generation_prompt=True)
            assert generator.tokens(generator.prompt(prompt)) == asked
            assert tokenizing.token_ids(made.tokenizer, whole)[: len(asked)] == asked


def test_a_chat_begins_with_one_begin_token_where_its_template_has_one(made: Made) -> None:
    ids = tokenizing.token_ids(made.tokenizer, ASKED)
    wanted = 1 if made.family in ("llama3", "gemma3") else 0
    assert ids.count(made.tokenizer.bos_token_id) == wanted or made.family == "phi4"
    assert (ids[0] == made.tokenizer.bos_token_id) == bool(wanted)


def test_the_stop_token_ends_an_answer_on_the_lamp_and_padding_does_not(made: Made) -> None:
    stop = made.tokenizer.convert_tokens_to_ids(STOPS[made.family])
    answer = tokenizing.token_ids(made.tokenizer, ASKED[:3])
    assert stop in answer[-3:]  # behind it two templates end the line, one the document
    with Generator(made.gguf["Q8_0"], n_ctx=512) as generator:
        assert stop in generator._end
    assert made.tokenizer.pad_token_id is not None
    assert made.tokenizer.pad_token_id != stop
    generation = json.loads((made.merged / "generation_config.json").read_text())
    assert stop in generation["eos_token_id"]


@pytest.mark.parametrize("quant", QUANTS)
def test_a_quant_has_the_types_of_its_name(made: Made, quant: str) -> None:
    kinds = [tensor.tensor_type for tensor in GGUFReader(made.gguf[quant]).tensors if len(tensor.shape) > 1]
    expected = {"Q8_0": {QUANTS["Q8_0"]}, "Q4_K_M": {QUANTS["Q4_K_M"], GGMLQuantizationType.Q6_K}}[quant]
    assert set(kinds) <= expected | {GGMLQuantizationType.F16, GGMLQuantizationType.F32}
    assert QUANTS[quant] in kinds


@pytest.mark.parametrize("quant", ["F16", *QUANTS])
def test_every_quant_writes_a_valid_program_under_the_grammar(made: Made, quant: str) -> None:
    with Generator(made.gguf[quant]) as generator:
        for seed, asked in enumerate(("red", "a green dot")):
            prompt = generator.prompt(ASKING.messages(asked))
            answer = generator.generate(prompt, max_tokens=1500, temperature=1.0, seed=seed)
            assert answer.finished
            parse(answer.text)


def test_an_answer_does_not_hang_on_what_was_asked_before(made: Made) -> None:
    """Gemma's layers that see the last 64 tokens, too."""
    with Generator(made.gguf["F16"]) as generator:
        asked = [generator.tokens(generator.prompt(ASKING.messages(word * count))) for word, count in WORDS]
        assert len(asked[0]) > 128
        alone = [generator.generate(ids, max_tokens=40, grammar=False).text for ids in asked]
        for ids, text in [*zip(asked, alone, strict=True)][::-1]:
            assert generator.generate(ids, max_tokens=40, grammar=False).text == text
    with Generator(made.gguf["F16"]) as fresh:
        assert fresh.generate(asked[-1], max_tokens=40, grammar=False).text == alone[-1]


# Of logits that spread by 1.6 with random weights: differences up to 0.007 were seen on one of two processors.
TIE = 0.01
WORDS = (("blue and ", 60), ("blue and ", 50), ("red", 1), ("blue and ", 55))


def test_greedy_answers_of_transformers_and_of_the_f16_file_agree(made: Made, chat_rows: list[Row]) -> None:
    """On 99 % of a good 100 prompts, up to 60 tokens each."""
    prompts = [row["messages"][:-1] for row in chat_rows]
    assert len(prompts) >= 100
    agreed = agreement(made.model(), made.tokenizer, made.gguf["F16"], prompts, tokens=60)
    print(f"{made.family}: {sum(agreed)} of {len(prompts)} agree")
    assert sum(agreed) >= 0.99 * len(prompts)


def agreement(model: Any, tokenizer: Any, path: Path, prompts: list[Any], tokens: int) -> list[bool]:
    """Whether the model's greedy answer to each prompt is that of the file.

    It is exactly if each token of the file's answer is the model's likeliest behind those before it: one pass. Tokens
    that are as likely but for the rounding to half precision, which differs from processor to processor, count alike.
    """
    import torch

    agreed = []
    with Generator(path, n_threads=1) as generator:
        for messages in prompts:
            ids = tokenizing.token_ids(tokenizer, messages, add_generation_prompt=True)
            written, finished = _greedy(generator, ids, tokens)
            with torch.no_grad():
                logits = model(torch.tensor([ids + written])).logits[0, len(ids) - 1 :]
            chosen = logits[: len(written)].gather(1, torch.tensor(written)[:, None])[:, 0]
            same = bool((logits[: len(written)].amax(1) - chosen <= TIE).all())
            agreed.append(same and (not finished or int(logits[-1].argmax()) in generator._end))
    return agreed


def _greedy(generator: Generator, ids: list[int], tokens: int) -> tuple[list[int], bool]:
    """The file's likeliest answer without a grammar, and whether it ends there."""
    sampler = sampling.sampler_for(0.0, 0)
    generator._evaluate(ids)
    written, _, finished, _ = generator._decode(sampler, False, None, tokens)
    llama.llama_sampler_free(sampler)
    return written, finished


@pytest.mark.slow
@pytest.mark.parametrize("family", families.BASES)
def test_ids_are_the_same_in_transformers_and_llama_cpp_on_all_rows(
    family: str, tmp_path: Path, one_thread: None
) -> None:
    """Of a tokenizer as large as the default, trained on them."""
    if not SCREENED.exists():
        pytest.skip("no data set here; run dvc repro lamp_screened")
    rows = [lamp_trainset.chat_row(row, ASKING) for row in files.read_rows(SCREENED)]
    files.write_rows(tmp_path / "train.jsonl", rows)
    base = families.make_base(family, tmp_path, tmp_path / "made", vocabulary=2048, epochs=0)
    gguf.convert(base, tmp_path / "model.gguf", family)
    tokenizer, differ = tokenizing.load(base), 0
    with Generator(tmp_path / "model.gguf", n_ctx=512) as generator:
        for row in rows:
            text = tokenizer.apply_chat_template(row["messages"], tokenize=False)
            differ += generator.tokens(text) != tokenizing.token_ids(tokenizer, row["messages"])
    print(f"{family}: {len(rows)} rows, {differ} differ")
    assert len(rows) >= 2500
    assert not differ


def test_the_same_miniature_is_made_twice(tmp_path: Path, trainset: Path, one_thread: None) -> None:
    for name in ("one", "two"):
        families.make_base("phi4", trainset, tmp_path / name, epochs=0)
    files_of = [sorted((tmp_path / name / "base").iterdir()) for name in ("one", "two")]
    assert [path.name for path in files_of[0]] == [path.name for path in files_of[1]]
    assert [path.read_bytes() for path in files_of[0]] == [path.read_bytes() for path in files_of[1]]


def test_a_family_without_a_miniature_is_an_error_and_every_other_has_one() -> None:
    assert set(families.BASES) | {bases.NANO} == {row["family"] for row in families.table().values()}
    assert set(chat.FAMILY_TEMPLATES) == set(families.BASES)
    with pytest.raises(KeyError):
        miniatures.build("nano", None, "")


def test_too_small_a_vocabulary_is_refused(tmp_path: Path, trainset: Path) -> None:
    for family in families.BASES:
        with pytest.raises(UserError, match=r"model_base\.vocabulary: 300 is too small for 256 bytes; take 512"):
            families.make_base(family, trainset, tmp_path / family, vocabulary=300)
