"""The stage lamp_primer: further requests of the same kinds, none that the data set or the benchmark has."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stages import lamp_primer
from stages.lamp import brief, held_out, taxonomy, units, validation
from stages.lamp.similarity import normalised

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"
ASKING = {"system_prompt": "Be.", "request_template": "For: {prompt}", "follow_up_template": "{prompt} Now: {running}"}
KINDS = {("v1", "pattern", "pattern"): 6, ("v1", "render", "render"): 3, ("v2", "text", "emoji"): 3}


def known(kinds: dict[tuple[str, str, str], int] = KINDS) -> list[dict[str, Any]]:
    return [
        {"prompt": f"wish {version} {part} {n}", "category": category, "subcategory": part, "version": version}
        for (version, category, part), count in kinds.items()
        for n in range(count)
    ]


def run(
    folder: Path, screened: list[dict[str, Any]], section: str = "{seed: 11, rows: 60, near_duplicate: 0.9}"
) -> Result:
    (folder / "trainset").mkdir(exist_ok=True)
    (folder / "trainset" / "request_format.json").write_text(json.dumps(ASKING))
    (folder / "screened.jsonl").write_text("".join(json.dumps(row) + "\n" for row in screened))
    versions = "lamp_trainset: {versions: [v1]}"
    (folder / "params.yaml").write_text(f"lamp_primer: {section}\n{versions}\n")
    names = {"screened": "screened.jsonl", "trainset": "trainset", "out": "primer.jsonl", "params": "params.yaml"}
    arguments = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    arguments += ["--metrics", str(folder / "metrics.json"), "--seed-folder", str(SEED)]
    return CliRunner().invoke(lamp_primer.main, arguments)


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "primer.jsonl").read_text().splitlines()]


def prompts(folder: Path) -> list[str]:
    return [row["messages"][1]["content"].removeprefix("For: ") for row in read(folder)]


def test_kinds_have_the_data_set_s_proportions_of_the_versions_that_are_trained_on(tmp_path: Path) -> None:
    assert run(tmp_path, known()).exit_code == 0
    assert Counter(row["category"] for row in read(tmp_path)) == {"pattern": 40, "render": 20}
    assert all(row["id"].startswith("primer-v1-") for row in read(tmp_path))


def test_a_row_is_put_as_the_trainset_says_and_answered_with_a_valid_program(tmp_path: Path) -> None:
    run(tmp_path, known())
    for row in read(tmp_path):
        assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
        assert row["messages"][0]["content"] == "Be." and row["messages"][1]["content"].startswith("For: ")
        validation.parse(row["messages"][2]["content"])


def test_what_the_data_set_says_already_is_left_out_and_counted(tmp_path: Path) -> None:
    run(tmp_path, known())
    said = prompts(tmp_path)
    taken = [{**known()[0], "prompt": prompt.upper() + " !"} for prompt in said[:5]]
    run(tmp_path, known() + taken)
    left = {normalised(prompt) for prompt in prompts(tmp_path)}
    assert not left & {normalised(prompt) for prompt in said[:5]}
    assert json.loads((tmp_path / "metrics.json").read_text())["left_out"]["near-duplicate"] >= 5


def test_no_request_is_held_out_or_said_twice(tmp_path: Path) -> None:
    run(tmp_path, known(), "{seed: 11, rows: 600, near_duplicate: 0.9}")
    said = prompts(tmp_path)
    assert len(said) > 400 and len({normalised(prompt) for prompt in said}) == len(said)
    assert not any(held_out.benchmark_twin(prompt, SEED / "benchmark.yaml") for prompt in said)


def test_an_answer_that_is_not_on_brief_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()
    monkeypatch.setattr(brief, "off_brief", lambda *_: ["no"] if next(calls) % 2 else [])
    run(tmp_path, known())
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"rows": 30, "left_out": {"off-brief": 30}}
    assert len(read(tmp_path)) == 30


def test_where_the_phrases_run_out_there_are_fewer(tmp_path: Path) -> None:
    unit = ("v2", "seasonal_holiday", "new_year")
    assert unit in taxonomy.load(SEED).units
    rows = [{**row, "version": "v1"} for row in known({("v1", "pattern", "pattern"): 1})] + known({unit: 1})
    tasks = lamp_primer.tasks(rows, ("v2",), lamp_primer.Params(11, 5_000, 0.9), SEED)
    assert [(task.key, task.quota, task.where) for task in tasks] == [(unit, 5_000, None)]
    assert 50 < len(list(units.generated(tasks))) < 5_000


def test_no_rows_are_wanted_and_none_are_made(tmp_path: Path) -> None:
    result = run(tmp_path, known(), "{seed: 11, rows: 0, near_duplicate: 0.9}")
    assert result.exit_code == 0 and read(tmp_path) == []


def test_imported_rows_of_no_known_kind_make_no_primer(tmp_path: Path) -> None:
    run(tmp_path, [{"prompt": "a wish", "category": "render"}])
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{seed: 11, rows: -1, near_duplicate: 0.9}", "lamp_primer.rows: -1 is negative"),
        ("{seed: 11, rows: 1, near_duplicate: 1.5}", "lamp_primer.near_duplicate: 1.5 is not above 0"),
    ],
)
def test_a_bad_parameter_is_one_line(tmp_path: Path, section: str, said: str) -> None:
    result = run(tmp_path, known(), section)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and said in result.stderr


def test_the_bytes_do_not_hang_on_the_number_of_workers(tmp_path: Path) -> None:
    run(tmp_path, known(), "{seed: 11, rows: 500, near_duplicate: 0.9}")
    whole = []
    for count in ("1", "2"):
        out = tmp_path / f"by-{count}.jsonl"
        subprocess.run(
            [
                sys.executable, "-m", "stages.lamp_primer", "--screened", tmp_path / "screened.jsonl", "--trainset",
                tmp_path / "trainset", "--out", out, "--metrics", tmp_path / "m.json", "--params",
                tmp_path / "params.yaml",
            ],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"LAMPFORGE_WORKERS": count},
        )  # fmt: skip
        whole.append(out.read_bytes())
    assert whole[0] == whole[1] == (tmp_path / "primer.jsonl").read_bytes()
