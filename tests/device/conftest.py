"""Miniature models, made here: real GGUF files that the official converter wrote."""

from __future__ import annotations

import ctypes
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stages.model import chat, gguf

# Set before torch loads OpenMP: its threads spin at barriers otherwise, and tests share two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

SYSTEM = "You write programs for a lamp with 140 LEDs in front and 32 behind."
FORMAT = {
    "system_prompt": SYSTEM,
    "request_template": "Lamp program: {prompt}",
    "follow_up_template": "Lamp program: {prompt}\nRunning: {running}",
}
LINEAGE = {"trainset": "1" * 32 + ".dir", "base": "2" * 32 + ".dir", "adapter": "3" * 32 + ".dir", "params": "4" * 64}
COLORS = {"red": "#FF0000", "green": "#00FF00"}


@dataclass(frozen=True)
class TinyModel:
    """folder: the transformers model. Beside it the same model as GGUF, in three precisions."""

    folder: Path
    f16: Path
    q8_0: Path
    q4_k_m: Path


def messages(request: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Lamp program: {request}"}]


def answers() -> dict[str, str]:
    """Requests and their programs, in the compact form."""
    found = {}
    for name, color in COLORS.items():
        stay = {"type": "pattern", "name": "solid", "params": {"color": color}}
        dot = {"type": "render", "elements": [{"type": "pixel", "x": 4, "y": 6, "color": color}]}
        found[name] = _program(name, (stay, None))
        found[f"a {name} dot"] = _program(f"{name} dot", (dot, None))
        found[f"{name} for a minute, then off"] = _program(f"{name} timer", (stay, 60000), ({"type": "stop"}, None))
    return found


def _program(name: str, *steps: tuple[dict[str, Any], int | None]) -> str:
    listed = [
        {"id": f"s{number}", "command": command, "duration": duration}
        for number, (command, duration) in enumerate(steps, start=1)
    ]
    return json.dumps({"program": {"name": name, "steps": listed}}, separators=(",", ":"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """2 layers, 256 wide, random weights."""
    return build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_gguf(tiny_model: TinyModel) -> Path:
    """The random model at Q4_K_M."""
    return tiny_model.q4_k_m


@pytest.fixture(scope="session")
def taught_answers() -> dict[str, str]:
    """Requests, and the programs that the taught model answers with."""
    return answers()


@pytest.fixture(scope="session")
def taught_model(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """The same model, and it knows `taught_answers` by heart."""
    return build(tmp_path_factory.mktemp("taught"), learn)


@pytest.fixture(scope="session")
def lamp_gguf(taught_model: TinyModel) -> Path:
    """The taught model at Q4_K_M with what a lamp's file carries: how it is asked, and what it was made from."""
    out = taught_model.folder.parent / "lamp-tiny-Q4_K_M.gguf"
    gguf.add_metadata(taught_model.q4_k_m, out, {**FORMAT, **LINEAGE})
    return out


def build(
    folder: Path,
    teach: Callable[[Any, Any], None] | None = None,
    layers: int = 2,
    intermediate: int = 256,
    vocabulary: int = 512,
) -> TinyModel:
    """Make a model and its GGUF files in `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaTokenizer

    converter = Path(sys.prefix) / "llama.cpp" / "convert_hf_to_gguf.py"
    if not converter.exists():
        pytest.skip("no GGUF converter in this environment; run python3 tools/bootstrap.py")
    hf = folder / "hf"
    hf.mkdir()
    _train_tokenizer(hf, vocabulary)
    tokenizer = LlamaTokenizer.from_pretrained(hf)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as fast for a model this small, and the same weights whatever else runs
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    if teach:
        teach(model, tokenizer)
    torch.set_num_threads(threads)
    model.save_pretrained(hf)
    f16 = folder / "tiny-f16.gguf"
    command = [sys.executable, str(converter), str(hf), "--outfile", str(f16), "--outtype", "f16"]
    subprocess.run(command, check=True, capture_output=True)
    return TinyModel(hf, f16, _quantised(f16, "Q8_0"), _quantised(f16, "Q4_K_M"))


def _train_tokenizer(folder: Path, vocabulary: int) -> None:
    import sentencepiece

    random_ = random.Random(0)
    varied = [
        answer.replace("#FF0000", f"#{random_.randrange(1 << 24):06X}").replace("60000", str(random_.randrange(10**7)))
        for answer in answers().values()
        for _ in range(40)
    ]
    requests = [message["content"] for request in answers() for message in messages(request)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(varied + requests),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        user_defined_symbols=list(chat.MARKERS),
        split_by_whitespace=False,
        split_by_number=False,
        split_by_unicode_script=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        unk_id=0,
        pad_id=1,
        bos_id=-1,
        eos_id=-1,
        pad_piece=chat.PAD,
        num_threads=1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    # The converter takes the markers for ordinary text unless they are listed here.
    whole = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    added = {pieces.PieceToId(marker): {"content": marker, **whole} for marker in chat.MARKERS}
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": False,
        "add_prefix_space": False,
        "add_bos_token": False,
        "bos_token": None,
        "eos_token": chat.END,
        "unk_token": chat.UNKNOWN,
        "pad_token": chat.PAD,
        "chat_template": chat.TEMPLATE,
        "added_tokens_decoder": added,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def learn(model: Any, tokenizer: Any) -> None:
    """Until `model` knows `answers` by heart; a few seconds."""
    import torch

    rows, labels = [], []
    for request, answer in answers().items():
        texts = [
            tokenizer.apply_chat_template(messages(request), tokenize=False, add_generation_prompt=True),
            answer + chat.END,
        ]
        prompt, completion = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts)
        rows.append(torch.tensor(prompt + completion))
        labels.append(torch.tensor([-100] * len(prompt) + completion))
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id)
    targets = torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(300):
        loss = model(input_ids=ids, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.02:
            return
    raise AssertionError(f"not learnt by heart: loss {loss.item()}")


def _quantised(source: Path, kind: str) -> Path:
    import llama_cpp

    out = source.with_name(f"tiny-{kind}.gguf")
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = {
        "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
        "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    }[kind]
    options.nthread = 1
    status = llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(options))
    assert status == 0
    return out


@pytest.fixture(scope="session")
def lamp_folder(taught_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What model_gguf writes, of the taught model: to be bundled."""
    from tests.device.releases import making

    return making.model_folder(tmp_path_factory.mktemp("lamp") / "gguf", taught_model.q4_k_m, SYSTEM)


@pytest.fixture(scope="session")
def old_tar(lamp_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version v1.0.0 of it as a release."""
    from tests.device.releases import making

    return making.bundled(lamp_folder, tmp_path_factory.mktemp("old") / "old.tar")


@pytest.fixture(scope="session")
def new_tar(taught_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version v1.1.0, made with other parameters."""
    from tests.device.releases import making

    folder = tmp_path_factory.mktemp("new")
    models = making.model_folder(folder / "gguf", taught_model.q4_k_m, SYSTEM, params="5" * 64)
    return making.bundled(models, folder / "new.tar", "v1.1.0")
