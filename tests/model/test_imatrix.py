"""The importance matrix: that it is of the right columns, and that quantising by it loses less of the model."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray

from stages import files
from stages.errors import UserError
from stages.model import gguf, imatrix

Tensors = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, trainset: Path) -> Path:
    """The model folder after some steps of training: weights of chance have no columns that matter more."""
    import shutil

    import torch
    from transformers import AutoModelForCausalLM

    from stages.model import determinism, tokenizer

    determinism.pin_torch(1, 0)
    folder = tmp_path_factory.mktemp("learnt") / "model"
    shutil.copytree(model_folder, folder)
    model: Any = AutoModelForCausalLM.from_pretrained(model_folder, local_files_only=True, dtype=torch.float32)
    rows = [row["messages"] for row in files.read_rows(trainset / "train.jsonl")]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(3):
        for messages in rows:
            ids = torch.tensor([tokenizer.token_ids(tokenizer.load(model_folder), messages)])
            model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def full(learnt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "learnt-F16.gguf"
    gguf.convert(learnt, path, "learnt")
    return path


@pytest.fixture(scope="module")
def importance(learnt: Path, full: Path, trainset: Path) -> imatrix.Importance:
    return imatrix.measure(learnt, full, trainset / "train.jsonl", 40)


def tensors(path: Path) -> Tensors:
    return {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors}


def quantised(source: Path, importance: imatrix.Importance | None, quant: str, out: Path) -> Path:
    gguf.quantise(source, out, quant, importance)
    gc.collect()  # what was handed over must not hang on objects that are gone
    return out


def lost(full: Path, small: Path, importance: imatrix.Importance) -> float:
    """The squared error of all quantised weights, each by how much goes through it."""
    exact, rounded = tensors(full), tensors(small)
    return sum(float((np.square(exact[name] - rounded[name]) * by).sum()) for name, by in importance.columns.items())


def test_the_figures_are_the_mean_squares_of_what_goes_into_a_weight(
    learnt: Path, full: Path, trainset: Path, tokenizer: Any
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from stages.model.tokenizer import token_ids

    measured = imatrix.measure(learnt, full, trainset / "train.jsonl", 2)
    ids = [token for chat in imatrix.drawn(trainset / "train.jsonl", 2) for token in token_ids(tokenizer, chat)]
    model: Any = AutoModelForCausalLM.from_pretrained(learnt, local_files_only=True)
    with torch.no_grad():
        entering = model.model.layers[0].input_layernorm(model.model.embed_tokens(torch.tensor(ids)))
    for name in ("attn_q", "attn_k", "attn_v"):
        np.testing.assert_allclose(
            measured.columns[f"blk.0.{name}.weight"], entering.square().mean(0).numpy(), rtol=1e-4
        )
    assert measured.rows == 2


def test_a_column_of_the_hugging_face_weight_is_the_same_column_in_gguf(learnt: Path, full: Path) -> None:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(learnt, local_files_only=True)
    converted = tensors(full)
    weights = dict(model.named_parameters())
    names = imatrix._names(model, full)
    assert len(names) == 7
    for module, name in names.items():
        ours = weights[f"{module}.weight"].detach().numpy()
        # The converter reorders the rows of some weights: the norm of a column stays.
        np.testing.assert_allclose(np.linalg.norm(converted[name], axis=0), np.linalg.norm(ours, axis=0), rtol=1e-3)


def test_every_weight_in_a_layer_has_a_figure_for_each_column(full: Path, importance: imatrix.Importance) -> None:
    layers = {name: tensor for name, tensor in tensors(full).items() if name.startswith("blk.") and tensor.ndim == 2}
    assert {name: len(by) for name, by in importance.columns.items()} == {
        name: tensor.shape[1] for name, tensor in layers.items()
    }


@pytest.mark.parametrize("quant", ["Q2_K", "Q4_K_M"])
def test_quantising_by_importance_loses_less_of_what_counts_than_without_and_than_by_any_other_columns(
    full: Path, importance: imatrix.Importance, tmp_path: Path, quant: str
) -> None:
    random = np.random.default_rng(0)
    shuffled = {name: random.permutation(by) for name, by in importance.columns.items()}
    plain = quantised(full, None, quant, tmp_path / "plain")
    spared = quantised(full, importance, quant, tmp_path / "spared")
    other = quantised(full, imatrix.Importance(shuffled, 1, "x"), quant, tmp_path / "other")
    assert tensors(spared).keys() == tensors(plain).keys()
    assert any((tensors(spared)[name] != tensors(plain)[name]).any() for name in importance.columns)
    assert lost(full, spared, importance) < 0.97 * lost(full, plain, importance)
    assert lost(full, spared, importance) < 0.97 * lost(full, other, importance)


def test_the_file_says_what_its_importance_was_measured_on(
    full: Path, importance: imatrix.Importance, tmp_path: Path
) -> None:
    fields = GGUFReader(quantised(full, importance, "Q4_K_M", tmp_path / "small")).fields
    assert fields["quantize.imatrix.dataset"].contents() == "train.jsonl"
    assert fields["quantize.imatrix.chunks_count"].contents() == importance.rows == 40
    plain = GGUFReader(quantised(full, None, "Q4_K_M", tmp_path / "plain")).fields
    assert not [name for name in plain if "imatrix" in name]


def test_it_is_the_same_for_rows_in_any_order(
    learnt: Path, full: Path, trainset: Path, importance: imatrix.Importance, tmp_path: Path
) -> None:
    rows = list(files.read_rows(trainset / "train.jsonl"))
    files.write_rows(tmp_path / "train.jsonl", reversed(rows))
    again = imatrix.measure(learnt, full, tmp_path / "train.jsonl", 40)
    assert all((again.columns[name] == by).all() for name, by in importance.columns.items())


def test_a_further_row_pushes_out_one_other_at_most(tmp_path: Path) -> None:
    rows = [{"id": f"row-{number}", "messages": [{"role": "user", "content": str(number)}]} for number in range(60)]
    files.write_rows(tmp_path / "some.jsonl", rows[:-1])
    files.write_rows(tmp_path / "more.jsonl", rows)
    some, more = (
        {chat[0]["content"] for chat in imatrix.drawn(tmp_path / f"{name}.jsonl", 20)} for name in ("some", "more")
    )
    assert len(some) == len(more) == 20
    assert len(some & more) >= 19


def test_llama_cpp_makes_all_quants_but_the_named_ones_without(full: Path, tmp_path: Path) -> None:
    refused = set()
    for quant in sorted(gguf.quant_types().keys() - {"BF16", "F16"}):
        try:
            gguf.quantise(full, tmp_path / "small", quant)
        except UserError:
            refused.add(quant)
    assert refused == imatrix.NEEDED_BY


def test_a_quant_that_needs_it_is_made_with_it(full: Path, importance: imatrix.Importance, tmp_path: Path) -> None:
    assert quantised(full, importance, "IQ2_XS", tmp_path / "small").stat().st_size < 0.4 * full.stat().st_size


def test_a_weight_that_cannot_be_found_is_named_and_not_left_out(
    learnt: Path, full: Path, trainset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: Callable[..., dict[str, str]] = imatrix._names
    monkeypatch.setattr(
        imatrix, "_names", lambda *given: {key: name for key, name in names(*given).items() if "ffn_up" not in name}
    )
    said = r"no importance can be measured for blk\.0\.ffn_up\.weight \(1 of 7 weights\); set model_gguf\.importance_m"
    with pytest.raises(UserError, match=said):
        imatrix.measure(learnt, full, trainset / "train.jsonl", 2)


def test_rows_that_are_all_too_long_are_a_mistake(learnt: Path, full: Path, tmp_path: Path) -> None:
    long = [{"role": "user", "content": "x y z " * 1000}]
    files.write_rows(tmp_path / "rows.jsonl", [{"id": "a", "messages": long}])
    with pytest.raises(UserError, match=r"rows\.jsonl: no row fits 1024 tokens"):
        imatrix.measure(learnt, full, tmp_path / "rows.jsonl", 2)
