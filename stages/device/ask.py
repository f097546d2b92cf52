"""`lampforge ask`: say what the lamp should do, get a program.

Heavy imports are inside the functions that need them: --help does not wait for llama.cpp.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UserError, reports_user_errors
from .opening import STATE, Choice, device_options, opened

if TYPE_CHECKING:
    from .answering import Reply

_TIMEOUT_S = 5.0


@click.command()
@click.argument("request", required=False)
@click.option("--json", "as_text", is_flag=True, help="Print the reply as JSON, one a line, and draw nothing.")
@click.option("--lamp", metavar="URL", help="Send the program there, as the body of a POST.")
@click.option("--new", "fresh", is_flag=True, help="The request has nothing to do with the running program.")
@click.option("--change", is_flag=True, help="The request changes the running program.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another answer, where --temperature is not 0.")
@click.option("--state", type=click.Path(path_type=Path), default=STATE, help="Where the running program is kept.")
@device_options
@reports_user_errors
def ask(
    choice: Choice,
    request: str | None,
    as_text: bool,
    lamp: str | None,
    fresh: bool,
    change: bool,
    seed: int,
    state: Path,
) -> None:
    """Answer REQUEST with a lamp program, and show it.

    Without REQUEST, or with "-", requests are read from standard input, one a line, with the model loaded once. The
    last program is remembered: "slower" and "that but in blue" change it, "a red heart" does not. Into a pipe or a file
    the reply is written as JSON.

    \b
    Examples:
      lampforge ask "warm and cosy"
      lampforge ask "that but in blue"
      lampforge ask --json "party mode" | jq .program
      lampforge ask --lamp http://lamp.local:8080/program "sleep timer, 30 minutes"
      speech-to-text | lampforge ask - --json
    """
    if fresh and change:
        raise UserError("--new and --change: a request is one or the other; give one of them")
    from . import session

    as_text = as_text or not _people_watch()
    wanted = True if change else False if fresh else None
    with opened(choice) as (answerer, decider):
        talk = session.Session(answerer, decider, session.remembered(state))
        for said in _requests(request):
            reply = talk.ask(said, wanted, seed)
            session.remember(state, reply.program)
            _give(reply, as_text, lamp)


def _people_watch() -> bool:
    return sys.stdout.isatty()


def _requests(given: str | None) -> Iterator[str]:
    """The request that was given, or each line of standard input, with a prompt for people."""
    if given not in (None, "-"):
        yield str(given)
        return
    people = sys.stdin.isatty()
    while True:
        if people:
            click.echo("> ", nl=False, err=True)
        line = sys.stdin.buffer.readline()
        if not line:
            return
        if line.strip():
            yield line.decode(errors="replace")


def _give(reply: Reply, as_text: bool, lamp: str | None) -> None:
    import orjson

    from .answering import as_json

    if as_text:
        click.echo(orjson.dumps(as_json(reply)).decode())
    else:
        from ..lamp.preview import show

        show(reply.program)
        for remark in reply.remarks:
            click.echo(f"note: {remark}")
    if lamp is not None:
        send(reply.text, lamp)


def send(program: str, lamp: str) -> None:
    """POST a program, as JSON text, to the lamp. Raises UserError when it does not take it."""
    import httpx

    headers = {"content-type": "application/json"}
    try:
        answer = httpx.post(lamp, content=program, headers=headers, timeout=_TIMEOUT_S)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error).partition("\n")[0]  # httpx adds a line that says where to read on
        raise UserError(f"--lamp {lamp}: the lamp did not take the program ({why}); check the address") from None
