"""`lampforge gallery`: one HTML page in which a person browses the requests, the lamp playing each answer.

The page needs no server and no network. Its parts are files in `gallery_page`, put together here with the rows
and with what is defined in Python: the font, the sizes, what the firmware assumes for missing parameters.
"""

# Heavy imports are inside the functions that need them: --help and usage errors do not wait for numpy.
from __future__ import annotations

import base64
import html
import zlib
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, reports_user_errors

if TYPE_CHECKING:
    from .program import Program

Row = dict[str, Any]

_PAGE = Path(__file__).with_name("gallery_page")
_SCREENED, _REJECTED = "data/lamp/screened.jsonl", "data/lamp/rejected.jsonl"
# What a row is to the page, in this order.
FIELDS = (
    *("id", "prompt", "version", "category", "subcategory", "template"),
    *("meaning", "running", "response", "valid", "poster", "reasons"),
)


@click.command()
@click.option(
    "--rows",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help=f"Rows of `prompt` and `response` (JSON Lines).  [default: {_SCREENED}]",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="gallery.html", show_default=True)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Take only N rows, spread over all of them.")
@click.option("--rejected", is_flag=True, help=f"Look at {_REJECTED}, with the reasons.")
@reports_user_errors
def gallery(source: Path | None, out: Path, sample: int | None, rejected: bool) -> None:
    """Write a page to browse requests and answers in, the lamp playing each answer.

    The page is one file: open it in a browser, keep it, send it. It asks nothing of any server. Filters and the
    request that is open stand in its address. Keys: arrows, Enter, Esc, / to search, space to pause.

    \b
    Examples:
      lampforge gallery
      lampforge gallery --rejected --out rejected.html
      lampforge gallery --rows metrics/score_bench_answers.jsonl --out answers.html
    """
    if rejected and source is not None:
        raise UserError("--rejected and --rows: take one of them; --rejected is short for --rows " + _REJECTED)
    path = source or Path(_REJECTED if rejected else _SCREENED)
    rows = _read(path, sample)
    from ..files import published_file

    text = page(_prepared(rows), path.name)
    with published_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    click.echo(f"wrote {out}: {len(rows)} requests, {len(text) / 1e6:.1f} MB; open it in a browser")


def _read(path: Path, sample: int | None) -> list[Row]:
    from ..files import read_rows

    rows = list(read_rows(path, ("prompt", "response")))
    if not rows:
        raise UserError(f"{path}: no rows in it, so there is nothing to look at")
    rows = [{"id": f"row {number}", **row} for number, row in enumerate(rows, start=1)]
    return rows if sample is None else sampled(rows, sample)


def sampled(rows: list[Row], count: int) -> list[Row]:
    """`count` rows in their order, picked by their ids: the same ones from a longer file, as far as they last."""
    ranked = sorted(range(len(rows)), key=lambda place: blake2b(str(rows[place]["id"]).encode()).digest())
    return [rows[place] for place in sorted(ranked[:count])]


def _prepared(rows: list[Row]) -> list[list[Any]]:
    """The rows as the page takes them; checking all programs takes a while, hence the bar."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    shown = track(rows, "checking programs", console=console, transient=True, disable=not console.is_terminal)
    return [prepared(row) for row in shown]


def prepared(row: Row) -> list[Any]:
    """A row as the page takes it: the values of FIELDS.

    valid: whether the answer can be played. poster: the instant (ms) at which it looks best.
    """
    import orjson

    from .moments import key_moments
    from .simulator import Schedule

    response = row["response"] if isinstance(row["response"], str) else orjson.dumps(row["response"]).decode()
    program, meaning, running = _valid(response), row.get("meaning"), row.get("running")
    more = {
        "response": response,
        "valid": program is not None,
        "poster": key_moments(Schedule(program), 1)[0] if program else 0,
        "version": row.get("version", "v1"),
        "meaning": meaning if isinstance(meaning, dict) else None,
        "running": running if isinstance(running, str) and _valid(running) else None,
    }
    more |= {key: str(row.get(key, "")) for key in ("id", "prompt", "category", "subcategory", "template")}
    return [{**row, **more}.get(field) for field in FIELDS]


def _valid(text: str) -> Program | None:
    from . import validation

    try:
        return validation.parse(text)
    except validation.InvalidProgram:
        return None


def device() -> dict[str, Any]:
    """What the page's simulator must know of the lamp: sizes in LEDs, times in ms, glyphs as lit (column, row)."""
    from . import font, program, simulator

    return {
        "width": program.GRID_WIDTH,
        "height": program.GRID_HEIGHT,
        "leds": program.LEDS,
        "tick_ms": simulator.TICK_MS,
        "defaults": program.PATTERN_DEFAULTS,
        "glyphs": {glyph: sorted(cells) for glyph, cells in font.GLYPHS.items()},
        "widths": font.WIDTHS,
        "gap": font.GAP,
    }


def page(rows: Iterable[list[Any]], source: str) -> str:
    """The whole page. rows: as `prepared` gives them. source: the name of their file, for the heading."""
    import orjson

    data = orjson.dumps({"fields": FIELDS, "rows": list(rows)})
    parts = {
        "title": html.escape(f"Lamp gallery: {source}"),
        "heading": html.escape(source),
        "style": _part("style.css"),
        "device": orjson.dumps(device()).decode(),
        **{name: _part(f"{name}.js") for name in ("simulator", "lamp", "rows", "cards", "browse", "detail")},
        # Packed, a page of 7,500 requests is a tenth as large.
        "data": base64.b64encode(zlib.compress(data, 9)).decode(),
    }
    shown, *rest = _part("page.html").split("@@")
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        shown += parts.pop(name) + text
    assert not parts, f"gallery_page/page.html has no place for {', '.join(parts)}"
    return shown


def _part(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
