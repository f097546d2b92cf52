"""`lampforge preview`: what a lamp program looks like, in the terminal or as a picture."""

# Heavy imports are inside the functions that need them: --help and usage errors do not wait for numpy.
from __future__ import annotations

import errno
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_USER_ERROR, UserError, reports_user_errors

if TYPE_CHECKING:
    from rich.console import Console

    from .program import Program
    from .simulator import Frame, Schedule

# An animation in the terminal, which is redrawn as often as the lamp itself.
_SECONDS = 6.0
_FPS = 20.0

_OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("source")
@click.option("--row", type=int, metavar="N", help="Line of a .jsonl file.  [default: 1, the first]")
@click.option("--png", type=_OUTPUT, metavar="PATH", help="Write a still picture.")
@click.option("--gif", type=_OUTPUT, metavar="PATH", help="Write an animation, in which every step is seen.")
@click.option("--at", type=click.IntRange(min=0), metavar="MS", help="Show this instant of the program.")
@click.option("--still", is_flag=True, help="Do not animate in the terminal.")
@reports_user_errors
def preview(source: str, row: int | None, png: Path | None, gif: Path | None, at: int | None, still: bool) -> None:
    """Show what a lamp program looks like.

    SOURCE is a program as JSON text, a file with one, "-" for standard input, or a .jsonl file of rows
    that hold a program as JSON text in `response` or in the last of their `messages`.

    Without --png and --gif the lamp is drawn in the terminal, for a few seconds if the program moves.
    Long programs are cut so that every step is seen. The defects of an invalid program are listed, one a
    line, and the exit code is 2.

    \b
    Examples:
      lampforge preview heart.json
      lampforge preview answers.jsonl --row 12 --png row12.png --gif row12.gif
      echo '{"program": {"name": "dawn", "steps": [{"id": "a", "duration": null, "command":
        {"type": "pattern", "name": "wave", "params": {"speed": 4000}}}]}}' | lampforge preview -
    """
    where, text = _read(source, row)
    program = _parsed(where, text)
    if png is not None or gif is not None:
        _write(program, png, gif, at)
    else:
        show(program, at, still)


def _read(source: str, row: int | None) -> tuple[str, bytes]:
    """Where the program stands, for messages, and its JSON text."""
    if row is not None and not source.endswith(".jsonl"):
        raise UserError(f"--row {row}: only a .jsonl file has rows, not {_short(source)}; leave it out")
    if source == "-":
        return "standard input", sys.stdin.buffer.read()
    if source.lstrip().startswith(("{", "[")):
        return "SOURCE", source.encode(errors="surrogateescape")
    path = Path(source)
    try:
        if path.suffix == ".jsonl":
            return _read_row(path, 1 if row is None else row)
        return source, path.read_bytes()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
            raise
        kinds = "a file, - for standard input, or JSON text, which begins with {"
        raise UserError(f"{_short(source)}: no such file; SOURCE is {kinds}") from None


def _short(source: str) -> str:
    return source if len(source) <= 80 else f"{source[:77]}..."


def _read_row(path: Path, number: int) -> tuple[str, bytes]:
    """Place and program of a line of a .jsonl file, the first being number 1."""
    lines = 0
    with path.open("rb") as file:
        for lines, line in enumerate(file, start=1):
            if lines == number:
                return f"{path}:{number}", _program_in(f"{path}:{number}", line)
    has = f"it has {lines}; --row is a number from 1 to {lines}" if lines else "it is empty"
    raise UserError(f"{path}: no row {number}, {has}")


def _program_in(where: str, line: bytes) -> bytes:
    """The JSON text of the program that a row holds."""
    import orjson

    try:
        row: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON ({error}); correct this line") from None
    if not isinstance(row, dict) or "program" in row:
        return line
    answer = row.get("response")
    messages = row.get("messages")
    if answer is None and isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        answer = messages[-1].get("content")
    if isinstance(answer, str):
        return answer.encode(errors="surrogatepass")
    if isinstance(answer, dict):
        return orjson.dumps(answer)
    keys = ", ".join(row) or "no keys"
    raise UserError(f"{where}: no program in `response` or the last of `messages`, the row has {keys}")


def _parsed(where: str, text: bytes) -> Program:
    """The program; leaves with exit code 2 and a line for each defect if it is not valid."""
    from .validation import InvalidProgram, parse

    try:
        return parse(text)
    except InvalidProgram as error:
        for defect in error.defects:
            click.echo(f"error: {where}: {defect}", err=True)
        raise SystemExit(EXIT_USER_ERROR) from None


def _write(program: Program, png: Path | None, gif: Path | None, at: int | None) -> None:
    from .picture import write_gif, write_png

    if png is not None:
        write_png(program, png, at)
        click.echo(f"wrote {png}")
    if gif is not None:
        write_gif(program, gif)
        click.echo(f"wrote {gif}")


def show(program: Program, at: int | None = None, still: bool = False) -> None:
    """Draw the lamp in the terminal, moving if there is someone to see it."""
    from rich.console import Console
    from rich.text import Text

    from .moments import key_moments, timeline
    from .simulator import Schedule, frame
    from .terminal import terminal

    # In colour even into a pipe or a file: without colour there is no picture.
    watched = sys.stdout.isatty()
    console = Console(force_terminal=True, color_system="truecolor", no_color=False, highlight=False)
    schedule = Schedule(program)
    moves = False
    if watched and not still and at is None:
        frames = [frame(*schedule.at(instant)) for instant in timeline(schedule, _SECONDS, _FPS)]
        moves = any((each != frames[0]).any() for each in frames)
    if moves:
        _animate(console, frames)
    else:
        instant = key_moments(schedule, 1)[0] if at is None else at
        console.print(terminal(frame(*schedule.at(instant))))
    console.print(Text(_caption(program, schedule), "dim"))


def _animate(console: Console, frames: Sequence[Frame]) -> None:
    """Show `frames` in one place, the last of them staying. Ctrl-C ends it early."""
    from rich.live import Live

    from .terminal import terminal

    begin = time.monotonic()
    try:
        with Live(console=console, auto_refresh=False) as live:
            for number, each in enumerate(frames):
                live.update(terminal(each), refresh=True)
                time.sleep(max(0.0, begin + (number + 1) / _FPS - time.monotonic()))
    except KeyboardInterrupt:
        pass


def _caption(program: Program, schedule: Schedule) -> str:
    body = program["program"]
    steps = len(body["steps"])
    lasts = "never ends" if schedule.total_ms is None else f"lasts {_duration(schedule.total_ms)}"
    return f"{body['name']}: {steps} step{'s' * (steps > 1)}, {lasts}"


def _duration(ms: int) -> str:
    """As people say it: "1 h 5 min", "2.5 s"."""
    amounts = ((ms // 3_600_000, "h"), (ms // 60_000 % 60, "min"), (ms % 60_000 / 1000, "s"))
    return " ".join(f"{amount:g} {unit}" for amount, unit in amounts if amount)
