"""Measuring in a process of its own: what is asked and how often, what is timed, and how it fails."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.device.benchmark import bench
from stages.device.benchmark.bench import Settings
from stages.device.generate import Generator
from stages.errors import UserError
from tests.device.conftest import SYSTEM

SETTINGS = Settings(threads=1, max_tokens=200, temperature=0.0, hot_temperature=1.0, hot_seeds=2)
FULL = Settings(1, 200, 0.0, 1.0, 0, rounds=3, prefill_tokens=100, cold=True)


@pytest.fixture(scope="session")
def lamp(lamp_folder: Path) -> Path:
    """The taught model with its lineage."""
    return lamp_folder / "lamp-nano-Q4_K_M.gguf"


@pytest.fixture(scope="module")
def measured(lamp: Path) -> dict[str, Any]:
    """Two requests, one of them also hot, from a process of its own."""
    return bench.measured_apart(lamp, ["red", "a green dot"], ["red"], SETTINGS)


@pytest.fixture(scope="module")
def in_full(lamp: Path) -> dict[str, Any]:
    """Three rounds of two requests, read from the disk."""
    return bench.measured_apart(lamp, ["red", "a green dot"], [], FULL)


# What is asked ----------------------------------------------------------------------------------------------


def test_every_request_is_answered_under_the_grammar_and_freely(
    measured: dict[str, Any], taught_answers: dict[str, str]
) -> None:
    wanted = [taught_answers["red"], taught_answers["a green dot"]]
    for how in ("grammar", "free"):
        assert [answer["text"] for answer in measured[how]] == wanted
    assert measured["again"] == []


def test_hot_requests_are_asked_once_for_each_seed(measured: dict[str, Any]) -> None:
    (answers,) = measured["hot"]
    assert len(answers) == 2
    assert all(bench.is_valid(answer["text"]) for answer in answers)


def test_a_chat_is_asked_as_it_stands(lamp: Path, taught_answers: dict[str, str]) -> None:
    chat = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Lamp program: green"}]
    found = bench.measure(lamp, [chat], [], SETTINGS)
    assert found["grammar"][0]["text"] == taught_answers["green"]


def test_further_rounds_give_the_same_answers_and_further_times(in_full: dict[str, Any]) -> None:
    assert len(in_full["again"]) == 2
    for each in in_full["again"]:
        for how in ("grammar", "free"):
            assert [answer["text"] for answer in each[how]] == [answer["text"] for answer in in_full[how]]


def test_each_answer_is_reported_when_it_is_there(lamp: Path) -> None:
    heard: list[None] = []
    settings = Settings(1, 20, 0.0, 1.0, 3, rounds=2)
    bench.measured_apart(lamp, ["red"], ["red"], settings, lambda: heard.append(None))
    assert len(heard) == 1 + 2 * 2 + 3, "the first one, two rounds of both kinds, three seeds"


# What is measured -------------------------------------------------------------------------------------------


def test_times_are_of_the_whole_way_from_the_request(measured: dict[str, Any]) -> None:
    for answer in (measured["first"], *measured["grammar"], *measured["free"]):
        assert answer["render_ms"] > 0
        assert answer["render_ms"] + answer["first_token_ms"] + answer["decode_ms"] <= answer["total_ms"]


def test_the_first_answer_has_its_whole_prompt_evaluated_and_later_ones_do_not(measured: dict[str, Any]) -> None:
    assert measured["first"]["n_prompt"] > measured["grammar"][0]["n_prompt"]


def test_a_start_is_longer_than_the_load_that_it_ends_with(in_full: dict[str, Any], lamp: Path) -> None:
    assert in_full["start_ms"] > in_full["load_ms"] > 0
    assert bench.measure(lamp, ["red"], [], SETTINGS)["start_ms"] is None, "nobody said when the process started"


def test_prompts_are_evaluated_by_themselves_with_nothing_kept(in_full: dict[str, Any]) -> None:
    assert [each["n_prompt"] for each in in_full["prefill"]] == [100] * 5
    assert all(each["first_token_ms"] > 0 for each in in_full["prefill"])


def test_where_no_prefill_is_wanted_there_is_none(measured: dict[str, Any]) -> None:
    assert measured["prefill"] == []


def test_threads_are_chosen_by_the_models_size_where_none_are_given(lamp: Path, measured: dict[str, Any]) -> None:
    assert measured["threads"] == 1
    found = bench.measure(lamp, ["red"], [], Settings(None, 10, 0.0, 1.0, 0))
    assert found["threads"] == 1, "a small model"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
def test_the_peak_is_that_of_the_process_and_not_of_the_one_that_started_it(lamp: Path) -> None:
    ballast = bytearray(300_000_000)
    found = bench.measured_apart(lamp, ["red"], [], Settings(1, 10, 0.0, 1.0, 0))
    assert 20 < found["peak_rss_mb"] < 250
    assert bench.peak_rss_mb() > len(ballast) / 1e6


# What the model is ------------------------------------------------------------------------------------------


def test_the_model_is_named_with_its_quant_and_its_lineage(measured: dict[str, Any]) -> None:
    assert measured["model"]["quant"] == "Q4_K_M"
    assert measured["model"]["lineage"] == {
        "adapter": "3" * 32,
        "base": "2" * 32 + ".dir",
        "params": "4" * 64,
        "trainset": "1" * 32 + ".dir",
    }


@pytest.mark.parametrize(("file", "quant"), [("f16", "F16"), ("q8_0", "Q8_0"), ("q4_k_m", "Q4_K_M")])
def test_a_file_tells_its_quant_itself(tiny_model: Any, file: str, quant: str) -> None:
    with Generator(getattr(tiny_model, file)) as generator:
        assert bench.model_metadata(generator)["quant"] == quant
        assert bench.model_metadata(generator)["lineage"] == {}


def test_the_build_of_llama_cpp_is_told(measured: dict[str, Any]) -> None:
    build = measured["llama"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", build["llama_cpp_python"])
    assert re.match(r"\d", build["llama_cpp"])
    assert "CPU" in build["features"]


def test_only_a_program_is_valid() -> None:
    assert not bench.is_valid("{}")
    assert not bench.is_valid("")


# Mistakes ---------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_model_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=r"x\.gguf: no GGUF file") as refused:
        bench.measured_apart(tmp_path / "x.gguf", ["red"], [], FULL)
    assert "\n" not in str(refused.value)


def test_a_model_that_is_not_there_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.gguf"):
        bench.measured_apart(tmp_path / "x.gguf", ["red"], [], FULL)


def test_a_process_whose_answers_nobody_hears_is_ended(lamp: Path) -> None:
    def deaf() -> None:
        raise KeyboardInterrupt

    endless = Settings(1, 200, 0.0, 1.0, 0, rounds=1_000_000)
    with pytest.raises(KeyboardInterrupt):
        bench.measured_apart(lamp, ["red"], [], endless, deaf)
