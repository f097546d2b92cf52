"""A small training set from the real stages, and miniature models made here."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import files, lamp_trainset
from stages.lamp import phrasing, taxonomy
from stages.lamp.asking import RequestFormat
from stages.lamp.teachers.rule_based import RuleBased

SEED_FOLDER = Path(__file__).resolve().parents[2] / "data" / "seed"
QUOTAS = {"pattern": 10, "render": 12, "multi_step": 10, "mixed": 5, "text": 5, "creative": 5, "edge_case": 3}  # of v1
ASKING = RequestFormat("You are a lamp.", "Light program for: {prompt}", "Light program for: {prompt} Now: {running}")
CONTEXT = 1024
VOCABULARY = 1024

Row = dict[str, Any]


@pytest.fixture(scope="session")
def chat_rows() -> list[Row]:
    """A good 100 rows as the stages up to lamp_trainset make them, mixed: some of each unit, follow-ups among them."""
    words = taxonomy.load(SEED_FOLDER)
    teacher = RuleBased(words, 7)
    requests: list[Row] = []
    for (version, category, _), unit in words.units.items():
        quota = QUOTAS[category] if version == "v1" else 1
        requests += phrasing.requests(words, unit, quota, 7, SEED_FOLDER / "benchmark.yaml", "the quota")
    requests += [{**row, "running": teacher.running(row, 1)} for row in requests if "change" in row["meaning"]]
    rows = [lamp_trainset.chat_row({**row, "response": teacher.response(row)}, ASKING) for row in requests]
    random.Random(0).shuffle(rows)
    return rows


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory, chat_rows: list[Row]) -> Path:
    """The files of a tokenizer trained on the rows."""
    from stages.model import tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.train([row["messages"] for row in chat_rows], VOCABULARY, 3, CONTEXT, folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Any:
    from stages.model import tokenizer

    return tokenizer.load(tokenizer_folder)


@pytest.fixture(scope="session")
def trainset(tmp_path_factory: pytest.TempPathFactory, chat_rows: list[Row]) -> Path:
    """A small data set: the 45 rows with the shortest answers, 40 to train on and 5 to validate with."""
    short = sorted(chat_rows, key=lambda row: len(row["messages"][2]["content"]))[:45]
    folder = tmp_path_factory.mktemp("trainset")
    files.write_rows(folder / "val.jsonl", short[::9])
    files.write_rows(folder / "train.jsonl", (row for number, row in enumerate(short) if number % 9))
    return folder


@pytest.fixture(scope="session")
def new_model(tokenizer: Any) -> Callable[..., Any]:
    """Makes a Llama with random weights; the same ones each time."""

    def make(width: int, heads: int = 2) -> Any:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width,
            num_hidden_layers=1,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return LlamaForCausalLM(config)

    return make


@pytest.fixture(scope="session")
def model_folder(
    tmp_path_factory: pytest.TempPathFactory, new_model: Callable[..., Any], tokenizer_folder: Path
) -> Path:
    """A model folder as model_base publishes it: 1 layer, 256 wide, random weights."""
    folder = tmp_path_factory.mktemp("model")
    new_model(256, heads=4).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    return folder


@pytest.fixture(scope="session")
def plain_gguf(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """The model as the official converter writes it, in F16."""
    from stages.model import gguf

    path = tmp_path_factory.mktemp("gguf") / "plain.gguf"
    gguf.convert(model_folder, path, "tiny")
    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread, with deterministic algorithms; afterwards as before."""
    import torch

    from stages.model import determinism

    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    determinism.pin_torch(1, 0)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
