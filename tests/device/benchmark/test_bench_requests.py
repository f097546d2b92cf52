"""What a benchmark asks, out of the files that people have."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from stages.device.benchmark import bench_requests
from stages.errors import UserError
from stages.lamp import held_out

ROOT = Path(__file__).resolve().parents[3]


def test_the_benchmarks_own_requests_are_the_21_that_are_never_trained_on() -> None:
    known = held_out.benchmark(ROOT / "data" / "seed" / "benchmark.yaml")
    assert bench_requests.read(bench_requests.OWN) == [entry.prompt for entry in known]
    assert len(known) == 21


def test_there_is_one_copy_of_them_and_the_installed_package_gets_it() -> None:
    assert bench_requests.OWN.resolve() == ROOT / "data" / "seed" / "benchmark.yaml"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert bench_requests.OWN.name in settings["package-data"]["lampforge.device.benchmark"]


def test_a_text_has_a_request_a_line(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("warm and cosy\n\n  ein rotes Herz ❤  \n")
    assert bench_requests.read(tmp_path / "r.txt") == ["warm and cosy", "ein rotes Herz ❤"]


def test_a_yaml_list_may_hold_texts_and_prompts(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("- red\n- {prompt: blue, category: pattern}\n")
    assert bench_requests.read(tmp_path / "r.yaml") == ["red", "blue"]


def test_chat_rows_are_asked_with_all_turns_but_the_answer(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "red"}]
    row = {"id": "1", "messages": [*turns, {"role": "assistant", "content": "{}"}]}
    (tmp_path / "val.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({"prompt": "blue"}) + "\n")
    assert bench_requests.read(tmp_path / "val.jsonl") == [turns, "blue"]
    assert bench_requests.said(turns) == "red"
    assert bench_requests.said("blue") == "blue"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("r.txt", b"\n \n", "no request in it"),
        ("r.txt", b"\xff\xfe", "not UTF-8"),
        ("r.yaml", b"[", "not YAML"),
        ("r.yaml", b"prompt: red", "a list of requests is expected, got dict"),
        ("r.yaml", b"- red\n- 3\n", "entry 2: no request"),
        ("r.yaml", b"- ''\n", "entry 1: no request"),
        ("r.jsonl", b"{\n", r"r\.jsonl:1: not JSON"),
        ("r.jsonl", b'{"messages": [{"role": "assistant", "content": "{}"}]}\n', "entry 1: no request"),
        ("r.jsonl", b'{"messages": ["red", "{}"]}\n', "entry 1: no request"),
        ("r.jsonl", b'{"id": 1}\n', "entry 1: no request"),
    ],
)
def test_what_cannot_be_asked_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=why) as refused:
        bench_requests.read(tmp_path / name)
    assert "\n" not in str(refused.value)
