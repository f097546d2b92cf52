"""The adapter: where it is put, that its options reach PEFT, and its bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stages.errors import UserError
from stages.model import adapters, bases
from stages.model.adapters import Options
from stages.tracking import lineage
from tests.model.small_adapters import LAYERS, make_base

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = Options(
    method="lora", rank=4, alpha=8, dropout=0.0, dora=False, rslora=False, target_modules=None, precision="fp32"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, new_model: Callable[..., Any], tokenizer_folder: Path) -> Path:
    return make_base(tmp_path_factory.mktemp("bases") / "base", new_model(64), tokenizer_folder)


@pytest.fixture
def adapted(base: Path) -> Callable[..., Any]:
    """Puts a new adapter with these options on the base."""

    def make(**changes: Any) -> Any:
        torch.manual_seed(7)
        options = replace(OPTIONS, **changes)
        return adapters.new(adapters.base_model(base, options), base, options)

    return make


def learnt(model: Any) -> None:
    """Take a few large steps on a few tokens."""
    tokens = torch.arange(3, 23).reshape(2, 10)
    optimizer = torch.optim.AdamW([weights for weights in model.parameters() if weights.requires_grad], lr=0.05)
    for _ in range(3):  # in the first one half of a new adapter has no gradient
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(3, 23).reshape(2, 10)).logits


def targets(model: Any) -> set[str]:
    return {name.split(".")[-4] for name, _ in model.named_parameters() if ".lora_A." in name}


def test_the_layers_are_those_that_the_base_names(adapted: Callable[..., Any]) -> None:
    assert targets(adapted()) == set(LAYERS)


def test_the_layers_may_be_named(adapted: Callable[..., Any]) -> None:
    assert targets(adapted(target_modules=("q_proj", "v_proj"))) == {"q_proj", "v_proj"}


def test_a_layer_that_the_model_lacks_is_one_line_that_lists_the_ones_it_has(adapted: Callable[..., Any]) -> None:
    with pytest.raises(UserError) as refused:
        adapted(target_modules=("q_proj", "qkv_proj"))
    assert str(refused.value) == (
        "params.yaml, model_adapter.target_modules: the base has no layer qkv_proj;"
        " it has down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
    )


def test_the_layer_that_gives_the_logits_is_none_of_them(base: Path) -> None:
    assert adapters.linear_layers(adapters.base_model(base, OPTIONS)) == set(LAYERS)


@pytest.mark.parametrize("changes", [{}, {"dora": True}, {"rslora": True}, {"dora": True, "rslora": True}])
def test_every_kind_of_adapter_begins_as_the_base_and_learns(
    adapted: Callable[..., Any], base: Path, changes: dict[str, bool]
) -> None:
    model = adapted(**changes)
    plain = logits(adapters.base_model(base, OPTIONS))
    assert torch.allclose(logits(model), plain, atol=1e-5)
    learnt(model)
    assert not torch.allclose(logits(model), plain, atol=1e-3)


def test_dora_also_learns_the_length_of_each_row(adapted: Callable[..., Any]) -> None:
    assert any("lora_magnitude_vector" in name for name, _ in adapted(dora=True).named_parameters())
    assert not any("lora_magnitude_vector" in name for name, _ in adapted().named_parameters())


def test_rslora_scales_by_the_root_of_the_rank(adapted: Callable[..., Any]) -> None:
    def scale(model: Any) -> float:
        return float(model.base_model.model.model.layers[0].self_attn.q_proj.scaling["default"])

    assert scale(adapted(rank=16, alpha=8)) == 8 / 16
    assert scale(adapted(rank=16, alpha=8, rslora=True)) == 8 / 4


def test_dropout_reaches_the_layers(adapted: Callable[..., Any]) -> None:
    layer = adapted(dropout=0.25).base_model.model.model.layers[0].self_attn.q_proj
    assert layer.lora_dropout["default"].p == 0.25


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_base_has_the_precision_that_is_asked_for_and_the_adapter_learns_in_fp32(
    adapted: Callable[..., Any], precision: str, dtype: torch.dtype
) -> None:
    model = adapted(precision=precision)
    found = {weights.requires_grad: weights.dtype for weights in model.parameters()}
    assert found == {False: dtype, True: torch.float32}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there auto means bf16")
def test_without_a_gpu_auto_is_exact(adapted: Callable[..., Any]) -> None:
    assert next(adapted(precision="auto").parameters()).dtype == torch.float32


def test_an_adapter_that_is_saved_and_carried_on_is_the_same_and_still_learns(
    adapted: Callable[..., Any], base: Path, tmp_path: Path
) -> None:
    model = adapted(dora=True)
    learnt(model)
    tmp_path.joinpath("adapter").mkdir()
    adapters.save(model, base, tmp_path / "adapter")
    lineage.write(tmp_path / "adapter", {"base": "b"})
    again = adapters.carried_on(adapters.base_model(base, OPTIONS), tmp_path / "adapter", "b")
    assert torch.equal(logits(again), logits(model))
    learnt(again)
    assert not torch.equal(logits(again), logits(model))


def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    lineage.write(tmp_path, {"base": "one.dir"})
    with pytest.raises(UserError, match=r"an adapter of another base \(one\.dir, this one is other\.dir\)"):
        adapters.carried_on(None, tmp_path, "other.dir")


def test_the_configuration_has_its_sets_in_order_and_no_path_of_this_machine(
    adapted: Callable[..., Any], tmp_path: Path
) -> None:
    adapters.save(adapted(), Path("models/base"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(adapters.FILES)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(LAYERS)
    assert config["base_model_name_or_path"] == "models/base"
    assert list(config) == sorted(config)


def test_weights_that_lie_elsewhere_are_published_instead(adapted: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("best", "out"):
        (tmp_path / name).mkdir()
    model = adapted()
    adapters.save(model, Path("models/base"), tmp_path / "best")
    learnt(model)
    adapters.save(model, Path("models/base"), tmp_path / "out", tmp_path / "best")
    name = "adapter_model.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "best" / name).read_bytes()


def test_a_base_that_does_not_say_what_it_is_has_to_be_made_again(adapted: Callable[..., Any], tmp_path: Path) -> None:
    model = SimpleNamespace()
    with pytest.raises(UserError, match=bases.FILE):
        adapters.new(model, tmp_path, OPTIONS)


def test_four_bits_without_the_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs bitsandbytes; install it"):
        adapters.check(replace(OPTIONS, method="qlora"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_four_bits_without_a_gpu_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters.importlib.util, "find_spec", lambda name: SimpleNamespace())
    with pytest.raises(UserError, match="needs a CUDA GPU, and there is none"):
        adapters.check(replace(OPTIONS, method="qlora"))


def test_other_methods_need_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    adapters.check(OPTIONS)
