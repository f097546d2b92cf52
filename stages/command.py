"""The command line of a stage: paths come in as options, knobs from params.yaml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from .errors import reports_user_errors


def stage(contract: str | None, **paths: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a stage's `main` a command: one option per path with its default, and `--params`.

    contract: the stage's module docstring, shown by --help as it stands. `main` is called with a Path for
    each name in `paths` and one for `params_path`; a user's mistake ends in one line and exit code 2.
    """

    def decorate(main: Callable[..., None]) -> click.Command:
        command: Callable[..., None] = reports_user_errors(main)
        for name, default in reversed({**paths, "params": "params.yaml"}.items()):
            target = "params_path" if name == "params" else name
            command = click.option(
                f"--{name.replace('_', '-')}",
                target,
                type=click.Path(path_type=Path),
                default=default,
                show_default=True,
            )(command)
        return click.command(help=_verbatim(contract or ""))(command)

    return decorate


def _verbatim(contract: str) -> str:
    # click re-wraps a paragraph unless it starts with this mark.
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in contract.strip().split("\n\n"))
