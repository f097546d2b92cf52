"""The `lampforge` command: it starts fast and finds every command that it names."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stages.cli import BASE_COMMANDS, COMMANDS, CORPUS_COMMANDS, main

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "pydantic", "PIL", "rich", "torch", "transformers", "mlflow", "dvc")


@pytest.mark.parametrize("arguments", [["--help"], ["preveiw"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_and_mistakes_import_nothing_heavy(arguments):
    script = (
        "import sys; from stages.cli import main\n"
        f"try: main({arguments})\n"
        f"finally: print('loaded:', *(name for name in {HEAVY} if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "loaded:", run.stdout + run.stderr


def test_help_lists_every_command_with_its_line():
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    lines = [line.split(maxsplit=1) for line in shown.stdout.partition("Commands:\n")[2].splitlines()]
    assert {name: text for name, text in lines} == {name: place.help for name, place in COMMANDS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_named_command_exists_and_explains_itself(name):
    with click.Context(main) as context:
        command = main.get_command(context, name)
    assert isinstance(command, click.Command)
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    assert command.help


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for group, below in (("corpus", CORPUS_COMMANDS), ("base", BASE_COMMANDS)) for name in below],
)
def test_every_command_of_a_group_exists_and_explains_itself(group, name):
    shown = CliRunner().invoke(main, [group, name, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one():
    result = CliRunner().invoke(main, ["preveiw", "x.json"])
    assert result.exit_code == 2
    assert "no command 'preveiw'; did you mean 'preview'?" in result.stderr


def test_a_name_that_is_wrong_is_refused():
    result = CliRunner().invoke(main, ["xyzzy"])
    assert result.exit_code == 2
    assert "No such command 'xyzzy'" in result.stderr


def test_the_version_is_that_of_the_package():
    from stages import __version__

    assert CliRunner().invoke(main, ["--version"]).stdout == f"lampforge, version {__version__}\n"


def test_a_package_that_devices_do_without_is_named_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "stages.lamp.picture", raising=False)
    program = tmp_path / "dark.json"
    program.write_text('{"program":{"name":"dark","steps":[{"id":"a","command":{"type":"stop"},"duration":null}]}}')
    result = CliRunner().invoke(main, ["preview", str(program), "--png", str(tmp_path / "dark.png")])
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "the package PIL is not here" in line and "pip install 'lampforge[host]'" in line
