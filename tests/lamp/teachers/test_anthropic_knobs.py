"""The knobs of the Anthropic teacher: mistakes are one line."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages import params
from stages.errors import UserError
from stages.lamp.teachers.anthropic_knobs import SECTION, Knobs

ROOT = Path(__file__).parents[3]


def test_the_repositorys_own_knobs_spend_nothing_and_have_a_price_for_every_model_they_name():
    knobs = params.load(Knobs, SECTION, ROOT / "params.yaml")
    assert knobs.budget_usd == 0
    assert knobs.model == "claude-opus-4-6" and knobs.price.output == 25
    assert "claude-sonnet-4-6" in knobs.prices
    assert knobs.store_folder.is_absolute() and ROOT not in knobs.store_folder.parents


def test_the_default_teacher_waits_for_nothing_that_this_one_needs():
    code = "import sys, stages.lamp_responses; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not {"anthropic", "httpx2", "pydantic", "numpy", "rich"} & set(done.stdout.split())


def test_a_read_costs_a_tenth_and_the_writes_a_quarter_and_all_more():
    for price in params.load(Knobs, SECTION, ROOT / "params.yaml").prices.values():
        assert price.cache_read == pytest.approx(price.input / 10)
        assert (price.cache_write_5m, price.cache_write_1h) == (price.input * 1.25, price.input * 2)


def test_a_model_without_a_price_is_refused_with_those_that_have_one(knobs):
    with pytest.raises(UserError, match=r"no price for model 'claude-x'.*claude-opus-4-6.*add it to prices"):
        _ = knobs(model="claude-x").price


@pytest.mark.parametrize(
    ("key", "value"),
    [("mode", "fast"), ("batch_size", 0), ("attempts", 0), ("effort", "huge"), ("prices", {"m": {"input": -1}})],
)
def test_a_knob_out_of_range_is_named(tmp_path, key, value):
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    values["anthropic"][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    with pytest.raises(UserError, match=f"{key}[:.]"):
        params.load(Knobs, SECTION, tmp_path / "params.yaml")
