"""Which model a device answers with, and the options of the commands that answer.

Comes in: what somebody gave on the command line or in LAMPFORGE_* variables. Goes out: an open Answerer and the decider
that belongs to it: of the file that was given, else of the installed bundle, else of models/ in a checkout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError

if TYPE_CHECKING:
    from .answering import Answerer
    from .follow_up import Decider

CHECKOUT = Path("models")
STATE = Path.home() / ".local" / "state" / "lampforge" / "running.json"
"""Where `ask` and `serve` keep the running program."""
QUANT = "Q4_K_M"
SAFETY, FOLLOW_UP = "safety/filter.json", "follow_up/decider.json"


@dataclass(frozen=True)
class Model:
    """A GGUF file with the classifiers that came with it; None where one did not."""

    gguf: Path
    safety: Path | None
    follow_up: Path | None


@dataclass(frozen=True)
class Choice:
    """The options of `device_options`, as they were given."""

    model: Path | None
    home: Path | None
    threads: int | None
    context: int | None
    temperature: float
    safety: str
    flashing: bool


def device_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which model answers, and how; it is called with `choice`."""
    path = click.Path(path_type=Path)
    options = [
        click.option("--model", type=path, help="A GGUF file, or a folder with one.  [default: the fetched model]"),
        click.option("--home", type=path, help="Where fetched models are.  [default: ~/.local/share/lampforge/device]"),
        click.option("--threads", type=click.IntRange(1), help="Threads of llama.cpp.  [default: by the model's size]"),
        click.option("--context", type=click.IntRange(256), help="Tokens of prompt and answer together."),
        click.option(
            "--temperature",
            type=click.FloatRange(0, 2),
            default=0.0,
            show_default=True,
            help="0 gives the same answer each time, more varies it.",
        ),
        click.option(
            "--safety",
            type=click.Choice(["auto", "on", "off"]),
            default="auto",
            show_default=True,
            help="Screen requests and answers; auto: where the model knows more than lamps.",
        ),
        click.option("--allow-flashing", "flashing", is_flag=True, help="Show flashes faster than three a second."),
    ]

    def called(**given: Any) -> Any:
        names = Choice.__dataclass_fields__
        choice = Choice(**{name: given.pop(name) for name in names})
        return command(choice=choice, **given)

    called.__doc__, called.__name__ = command.__doc__, command.__name__
    called.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(options):
        called = option(called)
    return called


def find(given: Path | None, home: Path | None) -> Model:
    """The model to answer with. Raises UserError when there is none."""
    from .model_files import model_file
    from .releases import installed

    if given is not None:
        gguf = model_file(given, QUANT) if given.is_dir() else given
        return Model(gguf, _beside(gguf, SAFETY), _beside(gguf, FOLLOW_UP))
    current = installed.current(home)
    if current is not None:
        return Model(current.gguf, current.safety, current.follow_up)
    folder = CHECKOUT / "gguf"
    if folder.is_dir():
        return find(folder, home)
    raise UserError(
        "no model: none was fetched and there is no models/gguf here; run `lampforge fetch BUNDLE`, or give --model"
    )


def _beside(gguf: Path, name: str) -> Path | None:
    """A classifier in the model's folder, as in a release, or next to that, as in a checkout."""
    places = [gguf.parent / name, gguf.parent.parent / name]
    return next((path for path in places if path.is_file()), None)


@contextmanager
def opened(choice: Choice) -> Iterator[tuple[Answerer, Decider | None]]:
    """The chosen model, ready to answer, and what decides whether a request changes the running program."""
    from .answering import Answerer, Settings
    from .follow_up import Decider

    model = find(choice.model, choice.home)
    settings = Settings(
        threads=choice.threads,
        context=choice.context,
        temperature=choice.temperature,
        safety=choice.safety,  # type: ignore[arg-type]
        flashing=choice.flashing,
        cache=Path.home() / ".cache" / "lampforge" / "prefixes",
    )
    with Answerer(model.gguf, settings, model.safety) as answerer:
        yield answerer, None if model.follow_up is None else Decider(model.follow_up)
