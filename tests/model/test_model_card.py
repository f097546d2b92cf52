"""The model card: it says what went in and came out, in a form that the hub reads, and nothing that changes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import ModelCard

from stages.lamp.asking import RequestFormat
from stages.model import model_card
from stages.model.bases import Base

NANO = Base(
    name="nano",
    family="nano",
    miniature=False,
    hub=None,
    revision=None,
    licence="none granted yet",
    stop="<|end|>",
    target_modules=("q_proj",),
)
GEMMA = replace(
    NANO, name="gemma-3-4b", family="gemma3", hub="google/gemma-3-4b-it", revision="c0ffee", licence="gemma"
)
FACTS = model_card.Facts(
    name="lamp-nano",
    base=NANO,
    asking=RequestFormat("You are a lamp.", "Light: {prompt}", "Light: {prompt} Now: {running}"),
    context=1024,
    chain={"trainset": "t1.dir", "base": "b1.dir", "adapter": "a1.dir", "params": "p1"},
    base_figures={"parameters": 2885888, "train_loss": 0.25, "val_loss": 0.75},
    adapter_figures={"rows": 2250, "rows_too_long": 0, "trained_parameters": 524288, "val_loss": 0.5},
    phases=[
        {
            "name": "lamp",
            "kind": "sft",
            "data": "lamp",
            "epochs": 3,
            "learning_rate": 5e-4,
            "train_loss": 0.03,
            "val_loss": 0.5,
        }
    ],
    validation_rows=250,
    files={"lamp-nano-Q4_K_M.gguf": {"bytes": 1910592, "sha256": "1201aa"}},
    data_licence="All rights reserved.",
    importance_rows=None,
)


def section(facts: model_card.Facts, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", model_card.card(facts), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_rows_that_only_the_base_learnt_from_are_said() -> None:
    rows = FACTS.adapter_figures["rows"]
    said = section(replace(FACTS, base_figures={**FACTS.base_figures, "rows": rows + 1_234}), "Data")
    assert "1,234 generated rows" in " ".join(said.split())
    assert "lamp_primer" not in section(replace(FACTS, base_figures={**FACTS.base_figures, "rows": rows}), "Data")


def test_the_hub_reads_its_front_matter() -> None:
    data: Any = ModelCard(model_card.card(FACTS)).data
    assert (data.license, data.license_name, data.base_model) == ("other", "see-below", None)
    assert "gguf" in data.tags
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_revision) == ("loss", 0.5, "t1.dir")


def test_it_says_the_hashes_files_licences_and_phases_that_it_was_given() -> None:
    for name, digest in FACTS.chain.items():
        assert f"| {name} | `{digest}` |" in section(FACTS, "Lineage")
    assert "| `lamp-nano-Q4_K_M.gguf` | 1,910,592 | `1201aa` |" in section(FACTS, "Files")
    assert "none granted yet" in section(FACTS, "Licence")
    assert "All rights reserved." in section(FACTS, "Licence")
    assert "| lamp | sft | lamp | 3 | 0.0005 | 0.03 | 0.5 |" in section(FACTS, "Training")
    assert "| base | from scratch | lamp, primer |  |  | 0.25 | 0.75 |" in section(FACTS, "Training")
    assert "2,250 rows were trained on" in section(FACTS, "Data")
    assert "250 further rows" in section(FACTS, "Data")


def test_it_says_how_to_ask() -> None:
    asked = section(FACTS, "How to ask it")
    for part in ("`You are a lamp.`", "Light: {prompt} Now: {running}", "`<|end|>`", "1,024 tokens"):
        assert part in asked
    assert 'ollama run lamp "Light: a teal butterfly on navy"' in asked
    without = replace(FACTS, asking=replace(FACTS.asking, system_prompt=""))
    assert "The system turn is left out" in section(without, "How to ask it")


def test_a_base_from_the_hub_is_named_with_its_revision_and_licence_and_no_training_of_its_own() -> None:
    facts = replace(FACTS, base=GEMMA, base_figures={"parameters": 4, "train_loss": None, "val_loss": None})
    card = model_card.card(facts)
    assert ModelCard(card).data.base_model == "google/gemma-3-4b-it"
    assert "revision `c0ffee`" in " ".join(card.split())
    assert "Base model: gemma" in section(facts, "Licence")
    assert "from scratch |" not in section(facts, "Training")


def test_a_miniature_is_not_taken_for_the_model_it_stands_in_for() -> None:
    card = model_card.card(replace(FACTS, base=replace(GEMMA, miniature=True, revision=None)))
    assert ModelCard(card).data.base_model is None
    assert "nothing of what that model knows" in " ".join(card.split())


def test_further_data_and_rows_that_were_too_long_are_mentioned() -> None:
    figures = {**FACTS.adapter_figures, "rows_too_long": 12}
    chain = {**FACTS.chain, "data.mix.phase1": "m1.dir"}
    said = section(replace(FACTS, adapter_figures=figures, chain=chain), "Data")
    assert "(12 more were too long)" in said
    assert "`mix.phase1`" in said
    assert "too long" not in section(FACTS, "Data")


@pytest.mark.parametrize(
    ("rows", "said"), [(None, "by the weights alone"), (500, "importance matrix from 500 training rows")]
)
def test_it_says_what_quantising_went_by(rows: int | None, said: str) -> None:
    assert said in section(replace(FACTS, importance_rows=rows), "Files")


def test_it_claims_no_score_and_points_to_where_they_are() -> None:
    card = model_card.card(FACTS)
    assert "metrics/score_bench.json" in card
    assert "metrics/score_quality.json" in card
    assert "%" not in card
    assert not re.search(r"\d+/21|\d+ of 21", card)


def test_a_figure_that_is_missing_is_left_out() -> None:
    bare = replace(FACTS, base_figures={}, adapter_figures={"val_loss": None})
    card = model_card.card(bare)
    assert "None" not in card.replace("None is granted", "")
    assert ModelCard(card).data.eval_results is None
