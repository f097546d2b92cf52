"""The stage lamp_prompts: exact counts for any total, the same bytes for any number of workers, its errors."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stages import lamp_prompts, params, workers
from stages.lamp import phrasing, taxonomy, units

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"
TOY = {
    "seed": 7,
    "total": 0,
    "v1": {"pattern": 6, "text": 4},
    "v2": {"text": {"emoji": 5, "status": 3}, "pattern": {"speed": 2}},
}
# The plan's counts of the new categories.
PLAN = {
    "render_diverse": 800, "contextual": 800, "pattern": 500, "multi_step": 500, "conversational": 600, "creative": 500,
    "text": 300, "mixed": 400, "edge_case": 300, "seasonal_holiday": 300,
}  # fmt: skip


def run(folder, seed_folder=SEED, **changes):
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_prompts": {**TOY, **changes}}, sort_keys=False))
    arguments = ["--seed-folder", str(seed_folder), "--out", str(folder / "out" / "prompts.jsonl")]
    return CliRunner().invoke(lamp_prompts.main, [*arguments, "--params", str(folder / "params.yaml")])


def read(folder):
    return [json.loads(line) for line in (folder / "out" / "prompts.jsonl").read_text().splitlines()]


def made(folder, **changes):
    """Rows of a run, by unit."""
    folder.mkdir(exist_ok=True)
    result = run(folder, **changes)
    assert result.exit_code == 0, result.output
    rows = {}
    for row in read(folder):
        rows.setdefault(row["template"].partition("#")[0], []).append(row)
    return rows


def test_the_requests_are_written_in_the_order_of_the_parameters_with_what_they_mean(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "prompts.jsonl: 20 requests in 5 categories and sub-categories" in result.stdout
    rows = read(tmp_path)
    counts = Counter((row["version"], row["category"]) for row in rows)
    assert counts == {("v1", "pattern"): 6, ("v1", "text"): 4, ("v2", "text"): 8, ("v2", "pattern"): 2}
    assert list(dict.fromkeys(row["id"].rpartition("-")[0] for row in rows)) == [
        "v1-pattern", "v1-text", "v2-text-emoji", "v2-text-status", "v2-pattern-speed",
    ]  # fmt: skip
    keys = ["id", "prompt", "category", "subcategory", "version", "template", "meaning"]
    assert all(list(row) == keys for row in rows)


def test_the_same_parameters_give_the_same_bytes_and_another_seed_others(tmp_path):
    bytes_of = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        made(tmp_path / name, seed=seed)
        bytes_of.append((tmp_path / name / "out" / "prompts.jsonl").read_bytes())
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


@pytest.mark.parametrize("count", ["2", "3"])
def test_any_number_of_workers_writes_the_same_bytes(tmp_path, monkeypatch, count):
    monkeypatch.setattr(workers, "WORTH_IT", 10)
    bytes_of = []
    for number in ("1", count):
        monkeypatch.setenv("LAMPFORGE_WORKERS", number)
        made(tmp_path / number)
        bytes_of.append((tmp_path / number / "out" / "prompts.jsonl").read_bytes())
    assert bytes_of[0] == bytes_of[1] and bytes_of[0]


@pytest.mark.parametrize("grown", ["v1/pattern", "v2/text/emoji", "v2/pattern/speed"])
def test_doubling_one_category_leaves_all_other_rows_and_its_own_first_ones_as_they_were(tmp_path, grown):
    version, *path = grown.split("/")
    larger = json.loads(json.dumps(TOY[version]))
    holder = larger if len(path) == 1 else larger[path[0]]
    holder[path[-1]] *= 2
    before, after = made(tmp_path / "before"), made(tmp_path / "after", **{version: larger})
    count = len(before[grown])
    assert len(after[grown]) == 2 * count and after[grown][:count] == before[grown]
    assert {unit: rows for unit, rows in after.items() if unit != grown} == {
        unit: rows for unit, rows in before.items() if unit != grown
    }


# Counts ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def knobs():
    return params.load(lamp_prompts.Params, "lamp_prompts", ROOT / "params.yaml")


def test_the_repositorys_own_counts_are_those_of_the_plan(knobs):
    assert knobs.total == sum(knobs.v1.values()) + sum(sum(parts.values()) for parts in knobs.v2.values()) == 7500
    assert {category: sum(parts.values()) for category, parts in knobs.v2.items()} == PLAN
    assert sum(knobs.v1.values()) == 2500
    parts = {category: len(parts) for category, parts in knobs.v2.items()}
    wanted = {"contextual": 5, "multi_step": 5, "conversational": 5, "edge_case": 6, "seasonal_holiday": 11}
    assert wanted.items() <= parts.items()


def test_each_of_the_repositorys_quotas_is_one_of_a_unit_and_each_unit_has_one(knobs):
    words = taxonomy.load(SEED)
    chosen = lamp_prompts.quotas(knobs, words, ROOT / "params.yaml")
    assert {key for key, _ in chosen} == words.units.keys()
    assert chosen[("v2", "contextual", "time_aware"), "params.yaml, lamp_prompts.v2.contextual.time_aware"] == 200


def test_a_larger_total_scales_every_quota(knobs):
    words = taxonomy.load(SEED)
    larger = lamp_prompts.Params(knobs.seed, 20_000, knobs.v1, knobs.v2)
    own, scaled = (lamp_prompts.quotas(each, words, ROOT / "params.yaml") for each in (knobs, larger))
    assert sum(scaled.values()) == 20_000
    assert all(abs(scaled[key] - quota * 20_000 / 7500) < 1 for key, quota in own.items())


@pytest.mark.parametrize(
    ("counts", "total", "wanted"),
    [
        ([1, 1, 1], 10, [4, 3, 3]),
        ([3, 1], 2, [2, 0]),
        ([500, 300, 200], 1000, [500, 300, 200]),
        ([5, 3, 2], 0, [5, 3, 2]),
        ([0, 0], 7, [0, 0]),
        ([1, 2, 4], 6, [1, 2, 3]),
        ([], 5, []),
    ],
)
def test_remainders_go_to_the_largest(counts, total, wanted):
    assert units.scaled(counts, total) == wanted


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80), st.integers(1, 1_000_000))
def test_any_total_is_met_exactly_and_no_count_is_off_by_one(counts, total):
    scaled = units.scaled(counts, total)
    if not sum(counts):
        assert scaled == counts
        return
    assert sum(scaled) == total
    assert all(abs(one - count * total / sum(counts)) < 1 for one, count in zip(scaled, counts, strict=True))


def test_a_total_is_met_in_the_file(tmp_path):
    assert {unit: len(rows) for unit, rows in made(tmp_path / "x", total=30).items()} == {
        "v1/pattern": 9, "v1/text": 6, "v2/text/emoji": 8, "v2/text/status": 4, "v2/pattern/speed": 3,
    }  # fmt: skip


# Mistakes ----------------------------------------------------------------------------------------------------


def test_mistakes_in_the_parameters_are_reported_together_with_exit_code_2(tmp_path):
    section = "{total: 0, v1: {pattern: many}, v2: {text: 5}, sed: 7}"
    (tmp_path / "params.yaml").write_text(f"lamp_prompts: {section}")
    result = CliRunner().invoke(lamp_prompts.main, ["--params", str(tmp_path / "params.yaml")])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    for said in ("seed is missing", "sed is unknown", "v1.pattern: ", "'many'", "v2.text: "):
        assert said in result.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"total": -5}, r"params.yaml, lamp_prompts.total: -5 is negative; take 0 or more"),
        ({"v1": {"nonsense": 1}}, r"lamp_prompts.v1.nonsense: no phrases for it in data/seed; there are phrases for"),
        ({"v1": {"contextual": 1}}, r"lamp_prompts.v1.contextual: no phrases for it"),
        ({"v2": {"text": {"sms": 1}}}, r"lamp_prompts.v2.text.sms: no phrases for it in data/seed"),
        ({"v2": {"nonsense": {"emoji": 1}}}, r"lamp_prompts.v2.nonsense.emoji: no phrases for it"),
        ({"v1": {"text": -2}}, r"lamp_prompts.v1.text: -2 is negative; take 0 or more"),
        ({"v2": {"text": {"emoji": -1}}}, r"lamp_prompts.v2.text.emoji: -1 is negative"),
    ],
)
def test_a_quota_that_cannot_be_met_ends_in_one_line_and_leaves_no_output(tmp_path, changes, said):
    result = run(tmp_path, **changes)
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_quota_that_the_phrases_cannot_fill_is_named_in_whatever_process(tmp_path, monkeypatch, count):
    monkeypatch.setenv("LAMPFORGE_WORKERS", count)
    seed_folder = shutil.copytree(SEED, tmp_path / "seed")
    groups = [{"meaning": {"intent": "off"}, "say": ["off", "go dark"]}]
    (seed_folder / "requests" / "toy.yaml").write_text(
        yaml.safe_dump({"bedtime": {"lengths": [100, 0, 0], "groups": groups}})
    )
    result = run(tmp_path, seed_folder, v2={"toy": {"bedtime": 500}})
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "params.yaml, lamp_prompts.v2.toy.bedtime: 500 requests wanted" in result.stderr
    assert "v2/toy/bedtime gave only" in result.stderr and "lower the quota or add phrases" in result.stderr
    assert not list((tmp_path / "out").glob("*"))


def test_phrases_of_an_unknown_category_say_which_there_are(tmp_path):
    line = run(tmp_path, v2={"textual": {"emoji": 1}}).stderr
    assert "v2/text/emoji" in line and "v2/contextual/time_aware" in line and "v1/" not in line


def test_a_run_killed_while_writing_leaves_no_output_and_no_temporary_file(tmp_path, monkeypatch):
    real = phrasing.requests

    def killed(*arguments):
        rows = real(*arguments)
        yield next(rows)
        raise RuntimeError("killed")

    monkeypatch.setattr(phrasing, "requests", killed)
    result = run(tmp_path)
    assert isinstance(result.exception, RuntimeError)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_seed_folder_is_named(tmp_path):
    result = run(tmp_path, seed_folder=tmp_path / "none")
    assert result.exit_code == 2 and "moods.yaml: no such file" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stage", ["lamp_prompts", "lamp_responses", "lamp_screened", "lamp_trainset"])
def test_help_starts_without_the_heavy_libraries_and_shows_the_contract(stage):
    program = (
        "import sys\n"
        f"from stages.{stage} import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'numpy', 'yaml', 'torch', 'mlflow', 'dvc', 'PIL'} & sys.modules.keys()\n"
        "print('heavy:', *sorted(heavy))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    assert done.stdout.rstrip().endswith("heavy:"), done.stdout
    for part in ("In:", "Out:", "Holds:", f"python -m stages.{stage}", "--params"):
        assert part in done.stdout


def test_a_users_mistake_shows_no_traceback_to_the_shell(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stages.lamp_prompts", "--params", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "none.yaml: no such file" in done.stderr
