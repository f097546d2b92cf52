"""Pictures and tables of an audit: shares before and after, what became of each source's items, lengths.

PNG by matplotlib in its own default style, whatever a user's matplotlibrc says, without metadata: the same bytes for
the same corpus and version of matplotlib.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import files
from . import audit, audit_index
from .audit import Origin, Outcome, Share
from .audit_index import EDGES, Lengths
from .audit_targets import Targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEXT, _SOFT, _LINE, _PAGE = "#1c1d21", "#5d6069", "#dcdad4", "#ffffff"
_GOOD, _OFF, _FREE, _BAND = "#2f7d6b", "#c4601d", "#8b8f99", "#cfe5dc"
COLORS = {
    Outcome.KEPT: _GOOD,
    Outcome.DUPLICATE: "#7fa7c9",
    Outcome.SCREENED_OUT: "#e0a458",
    Outcome.CONTAMINATED: "#8c4a8f",
    Outcome.SET_ASIDE: "#b9b5aa",
    Outcome.REJECTED: "#3f434d",
}
_STYLE: dict[Any, Any] = {
    "font.size": 9.0, "font.family": "DejaVu Sans", "text.color": _TEXT, "axes.labelcolor": _SOFT,
    "axes.edgecolor": _LINE, "axes.linewidth": 0.8, "xtick.color": _SOFT, "ytick.color": _TEXT, "ytick.left": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.axisbelow": True,
    "axes.grid": True, "axes.grid.axis": "x", "grid.color": _LINE, "grid.linewidth": 0.6, "legend.frameon": False,
    "figure.facecolor": _PAGE, "axes.facecolor": _PAGE, "figure.dpi": 144, "savefig.dpi": 144,
    "text.parse_math": False,
}  # fmt: skip


class Picture(NamedTuple):
    """A PNG, and what it shows in words."""

    name: str
    png: bytes
    alt: str


def write(
    folder: Path, found: Sequence[Origin], targets: Targets, lengths: Mapping[str, Lengths], tokenizer: str | None
) -> list[Picture]:
    """Publish the pictures, and the tables for `dvc plots`; returns the pictures: shares, sources, lengths.

    tokenizer: what tokens are counted by; None: estimated.
    """
    import matplotlib

    held = audit.shares(found, targets.bands)
    unit = f"tokens of {tokenizer}, scaled from a sample" if tokenizer else "tokens are estimated, one for four bytes"
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        pictures = [
            Picture("shares", _png(shares(held, targets)), _shares_in_words(held)),
            Picture("sources", _png(sources(found)), "What became of the items of each source; the counts stand below"),
            Picture(
                "lengths", _png(lengths_of(lengths, unit)), "How many tokens rows have; the quantiles stand in a table"
            ),
        ]
    with files.published_folder(folder) as temporary:
        for picture in pictures:
            (temporary / f"{picture.name}.png").write_bytes(picture.png)
        for name, rows in tables(found, lengths).items():
            with (temporary / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
                csv.writer(handle, lineterminator="\n").writerows(rows)
    return pictures


def tables(found: Sequence[Origin], lengths: Mapping[str, Lengths]) -> dict[str, list[tuple[Any, ...]]]:
    """What `dvc plots` draws, with a header each: shares (per cent of rows, by category), lengths (by tokens).

    Its axes are linear, so lengths have the power of two that a bin begins at as well: 6 is 64 tokens, 6.5 is 91.
    """
    held = sorted(audit.by_category(found), key=lambda share: share.name)
    total = sum(sum(each.bins) for each in lengths.values())
    bins = zip(EDGES, audit_index.together(list(lengths.values())), strict=True)
    return {
        "shares": [
            ("category", "percent", "percent_before"),
            *((share.name, share.after or 0.0, share.before or 0.0) for share in held),
        ],
        "lengths": [
            ("power_of_two", "tokens", "percent"),
            *((round(2 * log2(edge)) / 2, edge, audit.percent(rows, total) or 0.0) for edge, rows in bins),
        ],
    }


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _figure(title: str, subtitle: str, height: float) -> Figure:
    """A figure of this height in inches; the room above its axes holds the titles."""
    from matplotlib.figure import Figure

    height = max(height, 3.0)
    figure = Figure(figsize=(9, height), layout="constrained")
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0.012, 0, 0.976, 1 - 0.68 / height))  # type: ignore[call-arg]
    figure.text(0.012, 1 - 0.1 / height, title, va="top", fontsize=12, fontweight="bold")
    figure.text(0.012, 1 - 0.36 / height, subtitle, va="top", color=_SOFT)
    return figure


def shares(held: Sequence[Share], targets: Targets) -> Figure:
    """Each band's share before and after, with the band; categories without a band below."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rows, staged = (held[0].rows_of, held[0].staged_of) if held else (0, 0)
    figure = _figure(
        "Shares of the corpus", f"{rows:,} rows stay of {staged:,} that were staged", 2.1 + 0.42 * len(held)
    )
    axes = figure.add_subplot()
    for place, share in enumerate(held):
        if share.band:
            axes.barh(place, share.band.high - share.band.low, left=share.band.low, height=0.86, color=_BAND, zorder=1)
        color = _color(share)
        axes.barh(place, share.after or 0, height=0.36, color=color, zorder=2)
        axes.plot(share.before or 0, place, "D", mfc=_PAGE, mec=_TEXT, mew=1.1, ms=5.5, zorder=3)
        axes.text(
            1.012,
            place,
            _verdict(share),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=color if share.band else _SOFT,
        )
    axes.text(1.012, -0.75, "after, and target", transform=axes.get_yaxis_transform(), va="bottom", color=_SOFT)
    axes.axvline(targets.largest_percent, color=_OFF, lw=1, ls=(0, (4, 3)), zorder=1.5)
    axes.set_yticks(range(len(held)), [_label(share) for share in held])
    axes.set_ylim(max(len(held), 1) - 0.4, -0.6)
    axes.set_xlim(0, 1.05 * max([targets.largest_percent, *(max(s.after or 0, s.before or 0) for s in held)]))
    axes.set_xlabel("per cent of rows")
    handles = [
        Patch(color=_BAND, label="target"), Patch(color=_GOOD, label="share after, within the target"),
        Patch(color=_OFF, label="outside of it"), Patch(color=_FREE, label="no target"),
        Line2D([], [], marker="D", ls="", mfc=_PAGE, mec=_TEXT, ms=5.5, label="before: all rows as staged"),
        Line2D([], [], color=_OFF, lw=1, ls=(0, (4, 3)), label=f"no category above {targets.largest_percent:g} %"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _label(share: Share) -> str:
    return share.name if share.categories == (share.name,) else " +\n".join(share.categories)


def _color(share: Share) -> str:
    if share.band is None:
        return _FREE
    return _OFF if share.off or not share.rows_of else _GOOD


def _verdict(share: Share) -> str:
    after = "none" if share.after is None else f"{share.after:.1f} %"
    if share.band is None:
        return f"{after}  no target"
    return (
        f"{after}  {'▲' if share.off > 0 else '▼' if share.off < 0 else '✓'}  {share.band.low:g} to {share.band.high:g}"
    )


def _shares_in_words(held: Sequence[Share]) -> str:
    return "Shares of the rows that stay: " + ", ".join(f"{share.name} {share.after or 0:g} %" for share in held)


def sources(found: Sequence[Origin]) -> Figure:
    """What became of each source's items, as shares of them, by category; how many stay and were seen beside it."""
    from matplotlib.patches import Patch

    ranked = sorted(found, key=lambda origin: origin.category)
    height = 2.1 + 0.2 * len(ranked) + 0.24 * len({origin.category for origin in ranked})
    figure = _figure(
        "What became of each source", "Items by outcome; of equal rows the one of an earlier source stays", height
    )
    axes = figure.add_subplot()
    place, marks, shown = 0.0, [], set[Outcome]()
    previous = None
    for origin in ranked:
        if origin.category != previous:
            place += 0.35 if previous else 0
            axes.text(-0.008, place, origin.category, transform=axes.get_yaxis_transform(), ha="right", va="center",
                      fontsize=8.5, fontweight="bold")  # fmt: skip
            place, previous = place + 1, origin.category
        shown |= _bar(axes, place, origin)
        marks.append((place, origin.key))
        place += 1
    axes.set_yticks([at for at, _ in marks], [key for _, key in marks], fontsize=8, color=_SOFT)
    axes.set_ylim(max(place, 1.0) - 0.3, -0.7)
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of the source's items")
    axes.text(1.012, -0.9, "stay / items", transform=axes.get_yaxis_transform(), fontsize=8, color=_SOFT, va="bottom")
    handles = [Patch(color=COLORS[each], label=each.value) for each in Outcome if each in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8)
    return figure


def _bar(axes: Axes, place: float, origin: Origin) -> set[Outcome]:
    """Draw a source's bar; returns the outcomes in it."""
    outcomes, left = origin.outcomes, 0.0
    seen = outcomes.total()
    for each in Outcome:
        width = 100 * outcomes[each] / seen if seen else 0.0
        axes.barh(place, width, left=left, height=0.72, color=COLORS[each], zorder=2)
        left += width
    counts = f"{origin.rows:,} / {seen:,}" if seen else "not available" if origin.report["unavailable"] else "no items"
    axes.text(1.012, place, counts, transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=_SOFT)
    return {each for each in Outcome if outcomes[each]}


def lengths_of(lengths: Mapping[str, Lengths], unit: str) -> Figure:
    """How long all rows are, and how long those of each category."""
    names = sorted(lengths, key=lambda name: (lengths[name].quantiles[2], name))
    rows = sum(sum(each.bins) for each in lengths.values())
    figure = _figure("How long rows are", f"All text of the {rows:,} rows that stay; {unit}", 4.8 + 0.27 * len(names))
    whole, parts = figure.subplots(2, 1, height_ratios=[2.4, 1 + 0.27 * len(names)], sharex=True)
    _histogram(whole, audit_index.together(list(lengths.values())))
    for place, name in enumerate(names):
        low, lower, middle, upper, high = lengths[name].quantiles
        parts.plot([low, high], [place, place], color=_FREE, lw=1.2, solid_capstyle="butt")
        parts.plot([lower, upper], [place, place], color=_GOOD, lw=6, solid_capstyle="butt")
        parts.plot(middle, place, "o", mfc=_PAGE, mec=_TEXT, ms=5, zorder=3)
        parts.text(1.012, place, f"{middle:,}", transform=parts.get_yaxis_transform(), va="center", color=_SOFT)
    parts.set_yticks(range(len(names)), names)
    parts.set_ylim(-0.7, max(len(names), 1) - 0.3)
    parts.text(1.012, len(names) - 0.25, "median", transform=parts.get_yaxis_transform(), color=_SOFT, va="bottom")
    parts.set_xlabel("tokens in a row (logarithmic)")
    parts.set_title("By category: half of the rows are in the bar, nine in ten on the line, the dot is the median",
                    loc="left", fontsize=9, color=_SOFT)  # fmt: skip
    return figure


def _histogram(axes: Axes, bins: Sequence[int]) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    total = sum(bins) or 1
    used = [place for place, rows in enumerate(bins) if rows] or [8, 16]
    edges = [*EDGES, round(EDGES[-1] * 2**0.5)]
    for place in range(used[0], used[-1] + 1):
        width = edges[place + 1] - edges[place]
        axes.bar(edges[place], 100 * bins[place] / total, width=width, align="edge", color=_GOOD, ec=_PAGE, lw=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xlim(edges[used[0]] / 1.2, edges[used[-1] + 1] * 1.2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")
    axes.set_ylabel("per cent of rows")


def data_uri(png: bytes) -> str:
    """A picture as part of a page."""
    import base64

    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
