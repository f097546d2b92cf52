"""Knobs: strict types, no defaults, and all mistakes in one line."""

from dataclasses import FrozenInstanceError, dataclass
from typing import Literal

import pytest

from stages import params
from stages.errors import UserError


@dataclass(frozen=True)
class Knobs:
    seed: int
    rate: float
    active: bool
    name: Literal["a", "b"]
    sizes: tuple[int, ...]
    quotas: dict[str, int]


GOOD = "{seed: 7, rate: 2.0e-3, active: true, name: a, sizes: [1, 2], quotas: {x: 3}}"


def loaded(tmp_path, text, section="stage"):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return params.load(Knobs, section, path)


def message(tmp_path, text, section="stage"):
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, text, section)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "params.yaml") in str(caught.value)
    return str(caught.value)


def test_a_section_becomes_a_frozen_dataclass(tmp_path):
    knobs = loaded(tmp_path, f"other: 1\nstage: {GOOD}")
    assert (knobs.seed, knobs.rate, knobs.active, knobs.name) == (7, 0.002, True, "a")
    assert (knobs.sizes, knobs.quotas) == ((1, 2), {"x": 3})
    with pytest.raises(FrozenInstanceError):
        knobs.seed = 8


def test_a_part_of_a_section_is_named_with_a_dot(tmp_path):
    assert loaded(tmp_path, f"stage: {{part: {GOOD}}}", "stage.part").seed == 7
    assert "no section 'stage.other'" in message(tmp_path, "stage: {part: 1}", "stage.other")
    assert "no section 'stage.part.deeper'" in message(tmp_path, "stage: {part: 1}", "stage.part.deeper")


def test_unknown_missing_and_wrongly_typed_keys_are_all_reported_in_one_line(tmp_path):
    text = "stage: {sed: 7, rate: fast, active: 1, name: c, sizes: [1, x], quotas: {x: 3}}"
    line = message(tmp_path, text)
    assert "section stage" in line
    assert "seed is missing" in line and "sed is unknown" in line
    assert "rate: " in line and "'fast'" in line
    assert "active: " in line and "name: " in line and "'c'" in line
    assert "sizes.1: " in line and "'x'" in line
    assert "quotas" not in line


@pytest.mark.parametrize("value", ["true", "7.0", "'7'", "null", "[7]"])
def test_what_only_looks_like_an_integer_is_refused(tmp_path, value):
    assert "seed: " in message(tmp_path, f"stage: {GOOD.replace('seed: 7', f'seed: {value}')}")


@pytest.mark.parametrize("value", ["1", "0", "'true'"])
def test_what_only_looks_like_a_yes_is_refused(tmp_path, value):
    assert "active: " in message(tmp_path, f"stage: {GOOD.replace('active: true', f'active: {value}')}")


def test_a_whole_number_stands_for_a_share(tmp_path):
    assert loaded(tmp_path, f"stage: {GOOD.replace('2.0e-3', '1')}").rate == 1.0


def test_an_exponent_that_yaml_takes_for_text_is_shown_as_it_was_written(tmp_path):
    assert "rate: " in message(tmp_path, f"stage: {GOOD.replace('2.0e-3', '2e-3')}")


@pytest.mark.parametrize("text", ["", "other: 1", "[]", "stage"])
def test_a_missing_section_is_named(tmp_path, text):
    assert "no section 'stage'" in message(tmp_path, text)


@pytest.mark.parametrize("text", ["stage:", "stage: 3", "stage: [1]"])
def test_a_section_that_is_no_mapping_is_refused(tmp_path, text):
    assert "section stage" in message(tmp_path, text)


def test_a_file_that_is_no_yaml_is_refused_in_one_line(tmp_path):
    assert "not YAML" in message(tmp_path, "stage: {a: [\n\nb")


def test_a_huge_integer_is_read_or_refused_as_any_other_value(tmp_path):
    huge = "1" + "0" * 30
    assert loaded(tmp_path, f"stage: {GOOD.replace('seed: 7', f'seed: {huge}')}").seed == 10**30
    assert f"got {huge}" in message(tmp_path, f"stage: {GOOD.replace('active: true', f'active: {huge}')}")


def test_bytes_in_a_value_are_shown_as_what_they_are(tmp_path):
    assert "b'hi'" in message(tmp_path, f"stage: {GOOD.replace('seed: 7', 'seed: !!binary aGk=')}")


@pytest.mark.parametrize("raw", [b"stage: {seed: \xff}", "stage: {name: caf\u00e9}".encode("latin-1")])
def test_a_file_that_is_not_utf_8_is_refused_in_one_line(tmp_path, raw):
    path = tmp_path / "params.yaml"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"params\.yaml: not UTF-8 \(.+ at byte \d+\); save it as UTF-8$"):
        params.load(Knobs, "stage", path)


def test_a_missing_file_says_where_to_run_from(tmp_path):
    with pytest.raises(UserError, match="no such file; run from the repository root or pass --params"):
        params.load(Knobs, "stage", tmp_path / "none.yaml")
