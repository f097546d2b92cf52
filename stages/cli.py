"""The command `lampforge`. It only names the commands: each lives with its topic, imported when called.

lampforge --help
lampforge preview --help
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any, NamedTuple

import click

from . import __version__


class Place(NamedTuple):
    """Where a command is defined, and the line that --help shows for it without importing it."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "ask": Place(".device.ask", "ask", "Say what the lamp should do, get a program."),
    "serve": Place(".device.serving.serve", "serve", "Serve the lamp over HTTP, with a page to speak to it."),
    "fetch": Place(".device.releases.fetch", "fetch", "Bring a release to this device and put it to use."),
    "bundle": Place(".device.releases.bundle", "bundle", "Write a model as a release for devices."),
    "bench": Place(".device.benchmark.benchmarking", "bench", "Measure how fast a model answers on this machine."),
    "compare": Place(".device.benchmark.compare", "compare", "Compare what devices, quants and models were measured."),
    "preview": Place(".lamp.preview", "preview", "Show a lamp program, in the terminal or as a picture."),
    "pictures": Place(".lamp.album", "pictures", "Show the library of pixel art on one sheet."),
    "gallery": Place(".lamp.gallery", "gallery", "Write a page to browse requests and animated answers in."),
    "cost": Place(".lamp.teachers.cost", "cost", "Estimate what the Anthropic teacher's answers cost."),
    "write-requests": Place(".lamp.teachers.request_writer", "write_requests", "Have a model write further requests."),
    "corpus": Place(".cli", "corpus", "Look into the corpus, split files, export rows, pin sources."),
    "review": Place(".corpus.review", "review", "Decide on rows of the safety bucket."),
    "base": Place(".cli", "base", "Pin the models on the hub that lamps are made of."),
}
CORPUS_COMMANDS = {
    "analyze": Place(".corpus.analyzing", "analyze", "Sort the rows of any file into buckets, and split it."),
    "export": Place(".corpus.exporting", "export", "Write the corpus, or a part of it, as Parquet or JSON Lines."),
    "pin": Place(".corpus.intake.pinning", "pin", "Pin sources to what the hub has now."),
    "report": Place(".corpus.reporting", "report", "Show what became of each source's items, with examples."),
}
BASE_COMMANDS = {"pin": Place(".model.base_pin", "pin", "Pin bases to what the hub has now.")}


class _NotHere(click.ClickException):
    """A package that is not installed."""

    exit_code = 2


class LazyGroup(click.Group):
    """Imports a command when it is called, so that --help need not wait for torch or numpy."""

    def __init__(self, *args: Any, places: dict[str, Place], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        command = getattr(importlib.import_module(place.module, __package__), place.attribute)
        assert isinstance(command, click.Command), f"{place.module}.{place.attribute} is no click command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a suggestion for a name that is nearly right."""
        near = difflib.get_close_matches(args[0], self.places, n=1)
        if near and args[0] not in self.places:
            ctx.fail(f"no command {args[0]!r}; did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it; a package that the light install leaves out is named in one line."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.startswith(str(__package__)):
                raise
            line = (
                f"the package {missing.name} is not here: an install for devices leaves out what only the host needs;"
                " get it with pip install 'lampforge[host]'"
            )
            raise _NotHere(line) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands for --help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in self.places.items()])


_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=LazyGroup, places=CORPUS_COMMANDS, context_settings=_HELP)
def corpus() -> None:
    """Public instruction sets as one corpus: what is in it, and parts of it as files."""


@click.group(cls=LazyGroup, places=BASE_COMMANDS, context_settings=_HELP)
def base() -> None:
    """Models of others that are taught to be a lamp."""


@click.group(cls=LazyGroup, places=COMMANDS, context_settings=_HELP)
@click.version_option(__version__, prog_name="lampforge")
def main() -> None:
    """Small language models that turn a wish into a program for a 172-LED lamp, and the corpus for larger ones."""


if __name__ == "__main__":
    main()
