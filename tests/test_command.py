"""What all stages' command lines have in common."""

from pathlib import Path

from click.testing import CliRunner

from stages.command import stage
from stages.errors import UserError

CONTRACT = """Make something.

In:   a file
Out:  another   file
      on a second line
Run:  python -m stages.something
"""


def command(seen):
    @stage(CONTRACT, seed_folder="data/seed", out="data/out.jsonl")
    def main(seed_folder: Path, out: Path, params_path: Path) -> None:
        seen.append((seed_folder, out, params_path))

    return main


def test_paths_come_in_as_options_with_defaults():
    seen = []
    result = CliRunner().invoke(command(seen), [])
    assert result.exit_code == 0, result.output
    assert seen == [(Path("data/seed"), Path("data/out.jsonl"), Path("params.yaml"))]


def test_options_replace_the_defaults():
    seen = []
    CliRunner().invoke(command(seen), ["--seed-folder", "s", "--out", "o", "--params", "p"])
    assert seen == [(Path("s"), Path("o"), Path("p"))]


def test_help_shows_the_contract_line_by_line_and_the_defaults():
    result = CliRunner().invoke(command([]), ["--help"])
    assert result.exit_code == 0
    shown = [line.strip() for line in result.output.splitlines()]
    for line in CONTRACT.strip().splitlines():
        assert line.strip() in shown
    assert "data/out.jsonl" in result.output and "params.yaml" in result.output


def test_a_users_mistake_ends_in_one_line_and_exit_code_2():
    @stage("Fail.", out="x")
    def main(out: Path, params_path: Path) -> None:
        raise UserError(f"{out}: wrong; mend it")

    result = CliRunner().invoke(main, [])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "error: x: wrong; mend it\n")


def test_an_unknown_option_is_exit_code_2():
    result = CliRunner().invoke(command([]), ["--nonsense"])
    assert result.exit_code == 2 and "--nonsense" in result.stderr
