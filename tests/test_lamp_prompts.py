"""The stage lamp_prompts on a toy quota: its file, its errors, its start."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import lamp_prompts, params
from stages.lamp import phrasing

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"


def run(folder, section="{seed: 7, quotas: {pattern: 6, text: 4}}"):
    (folder / "params.yaml").write_text(f"lamp_prompts: {section}\n")
    arguments = ["--seed-folder", str(SEED), "--out", str(folder / "out" / "prompts.jsonl")]
    return CliRunner().invoke(lamp_prompts.main, [*arguments, "--params", str(folder / "params.yaml")])


def read(folder):
    return [json.loads(line) for line in (folder / "out" / "prompts.jsonl").read_text().splitlines()]


def test_the_requests_are_written_with_what_they_mean(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "prompts.jsonl: 10 requests in 2 categories" in result.stdout
    rows = read(tmp_path)
    assert Counter(row["category"] for row in rows) == {"pattern": 6, "text": 4}
    assert all(list(row) == ["id", "prompt", "category", "meaning"] for row in rows)


def test_the_same_parameters_give_the_same_bytes_and_another_seed_others(tmp_path):
    made = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        (tmp_path / name).mkdir()
        run(tmp_path / name, f"{{seed: {seed}, quotas: {{pattern: 6}}}}")
        made.append((tmp_path / name / "out" / "prompts.jsonl").read_bytes())
    assert made[0] == made[1] != made[2]


def test_the_repositorys_own_parameters_are_right():
    knobs = params.load(lamp_prompts.Params, "lamp_prompts", ROOT / "params.yaml")
    assert sum(knobs.quotas.values()) == 2500


def test_mistakes_in_the_parameters_are_reported_together_with_exit_code_2(tmp_path):
    result = run(tmp_path, "{quotas: {pattern: many}, sed: 7}")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    for said in ("seed is missing", "sed is unknown", "quotas.pattern: ", "'many'"):
        assert said in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("quotas", "said"),
    [
        ("{edge_case: 3, nonsense: 1}", "no phrases for category 'nonsense'"),
        ("{edge_case: 3, text: -2}", "lamp_prompts.quotas.text: -2 is negative"),
    ],
)
def test_a_quota_that_cannot_be_met_ends_in_one_line_and_leaves_no_output(tmp_path, quotas, said):
    result = run(tmp_path, f"{{seed: 7, quotas: {quotas}}}")
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


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
    (tmp_path / "params.yaml").write_text("lamp_prompts: {seed: 7, quotas: {pattern: 1}}")
    arguments = ["--seed-folder", str(tmp_path / "none"), "--out", str(tmp_path / "out.jsonl")]
    result = CliRunner().invoke(lamp_prompts.main, [*arguments, "--params", str(tmp_path / "params.yaml")])
    assert result.exit_code == 2 and "moods.yaml: no such file" in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


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
