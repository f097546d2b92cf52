"""`lampforge serve`: the lamp as a service, with a page to speak to it.

Heavy imports are inside the functions that need them: --help does not wait for llama.cpp.
"""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import UserError, reports_user_errors
from ..opening import Choice, device_options, opened

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .guarding import Rules

PORT = 8172
_STATE = Path.home() / ".local" / "state" / "lampforge" / "running.json"
_SHORTEST_TOKEN = 12
# How long an answer that no one waits for any more may take at the end, in seconds.
_LAST_S = 5.0


def _print_unit(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(unit(Path(sys.argv[0]).resolve(), getpass.getuser(), Path.home()), nl=False)
        context.exit()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; others need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes any free port.")
@click.option("--token", envvar="LAMPFORGE_TOKEN", help="What clients must know.  [env: LAMPFORGE_TOKEN]")
@click.option("--queue", type=click.IntRange(0, 1000), default=8, show_default=True, help="How many requests may wait.")
@click.option(
    "--rate", metavar="N/minute", help="Requests of a client.  [default: 60/minute; on this machine no limit]"
)
@click.option("--lamp", metavar="URL", help="Send each program there, too, as the body of a POST.")
@click.option("--state", type=click.Path(path_type=Path), default=_STATE, help="Where the running program is kept.")
@click.option("--systemd-unit", is_flag=True, is_eager=True, expose_value=False, callback=_print_unit, help="Print it.")
@device_options
@reports_user_errors
def serve(
    choice: Choice, host: str, port: int, token: str | None, queue: int, rate: str | None, lamp: str | None, state: Path
) -> None:
    """Answer requests over HTTP, and show the lamp on a page.

    The page is at http://127.0.0.1:8172/. Programs come from POST /program with {"request": "a red heart"};
    /openapi.json describes all addresses. There is one lamp: all clients share its running program and its history.
    SIGTERM and SIGINT end it when the running answer is done.

    \b
    Examples:
      lampforge serve
      LAMPFORGE_TOKEN=... lampforge serve --host 0.0.0.0
      lampforge serve --lamp http://lamp.local:8080/program
      lampforge serve --systemd-unit | sudo tee /etc/systemd/system/lampforge.service
    """
    rules = _rules(host, token, rate)
    _check_lamp(lamp)
    from .server import listen

    with listen(host, port) as listening, opened(choice) as (answerer, decider):
        from .service import ServiceSettings, app_for

        app = app_for(answerer, decider, ServiceSettings(rules, queue, lamp, state))
        run(app, listening)


def _rules(host: str, token: str | None, rate: str | None) -> Rules:
    """Who may ask. Raises UserError for an address that needs a token, a token that is none, or no rate."""
    import limits

    from .guarding import Rules, is_loopback

    example = f"for example LAMPFORGE_TOKEN={secrets.token_urlsafe(15)}"
    if not is_loopback(host) and not token:
        raise UserError(f"--host {host}: others could reach the lamp, so a token is needed; {example}")
    if token and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UserError(f"the token: it needs {_SHORTEST_TOKEN} or more letters, all of them ASCII; {example}")
    try:
        limit = None if rate is None else limits.parse(rate)
    except ValueError:
        raise UserError(f"--rate {rate}: no rate; write it as 60/minute or 5/second") from None
    return Rules(token or None, is_loopback(host), limit)


def _check_lamp(lamp: str | None) -> None:
    if lamp is not None and not lamp.startswith(("http://", "https://")):
        raise UserError(f"--lamp {lamp}: no address; it begins with http:// or https://")


def run(app: FastAPI, listening: Any) -> None:
    """Serve until SIGTERM or SIGINT, and leave nothing begun behind. listening: a bound socket."""
    from .server import Server, notify, watchdog_s

    service = app.state.service
    host, port = listening.getsockname()[:2]
    address = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def started_up() -> None:
        click.echo(f"the lamp listens on {address}")
        sys.stdout.flush()
        notify("READY=1")

    def ending() -> None:
        notify("STOPPING=1")
        service.end()

    def beat() -> None:
        if service.answers:
            notify("WATCHDOG=1")

    Server(app, started_up, ending, beat, watchdog_s()).run_until_told(listening)
    if not service.queue.finished(_LAST_S):
        # The model cannot be interrupted, and freeing it now would end in a crash.
        click.echo("error: the last answer was not finished", err=True)
        os._exit(1)


def unit(command: Path, user: str, home: Path) -> str:
    """A systemd unit that runs `command serve` as `user`."""
    text = Path(__file__).with_name("lampforge.service").read_text()
    values = {"command": command, "user": user, "cache": home / ".cache" / "lampforge"}
    for name, value in values.items():
        text = text.replace(f"@@{name}@@", str(value).replace("%", "%%"))
    return text
