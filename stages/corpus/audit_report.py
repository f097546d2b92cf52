"""The page of an audit: one HTML file that needs no network, for people who have not seen the corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import files
from . import audit, audit_plots
from .audit import Origin, Outcome, Share
from .audit_index import Lengths, Rate
from .audit_targets import Targets
from .intake.screening import CONTAMINATED

PAGE = "report.html"
_PARTS = Path(__file__).with_name("audit_page")
_LANGUAGES = 12
"""So many are listed; the others are counted together."""
CUT = 400
"""Characters of a text that are shown; the fields of an example are cut to as many in report.json already."""


class Counted(NamedTuple):
    """How tokens were counted."""

    tokenizer: str | None
    """None: estimated from the bytes."""
    sample: int
    """Rows of each category that were measured."""
    rates: Mapping[str, Rate]
    """What came of it, by category."""
    lengths: Mapping[str, Lengths]


def write(out: Path, page: str) -> None:
    """Publish the page in a folder of its own."""
    with files.published_folder(out) as temporary:
        (temporary / PAGE).write_text(page, encoding="utf-8")


def page(
    manifest: Mapping[str, Any],
    found: Sequence[Origin],
    targets: Targets,
    figures: Mapping[str, Any],
    counted: Counted,
    doubled: Mapping[str, list[tuple[str, int]]],
    pictures: Sequence[audit_plots.Picture],
) -> str:
    """The whole page. doubled: by source, the sources that hold the equals of its duplicates."""
    import jinja2

    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PARTS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template.filters |= {"number": lambda value: "none" if value is None else f"{value:,}", "percent": _percent}
    held = audit.shares(found, targets.bands)
    return template.get_template("page.html").render(
        hash=str(manifest["logical_hash"])[:12],
        figures=figures,
        faults=audit.faults(found, targets),
        outcomes=_outcomes(found),
        shares=held,
        targets=targets,
        room=max(0.0, 100 - sum(band.low for band in targets.bands.values())),
        counted=counted,
        categories=[_category(share, counted) for share in audit.by_category(found)],
        evaluations=_evaluations(manifest["fates"]),
        verdicts=_verdicts(manifest["fates"]),
        safety=manifest.get("safety"),
        licences=_ranked(manifest["licences"]),
        languages=_languages(manifest["languages"]),
        sources=[_source(origin, doubled.get(origin.key, [])) for origin in found],
        pictures={picture.name: (audit_plots.data_uri(picture.png), picture.alt) for picture in pictures},
        colors={str(each): color for each, color in audit_plots.COLORS.items()},
    )


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} %"


_MEANINGS = {
    Outcome.KEPT: "rows of the corpus",
    Outcome.DUPLICATE: "equal or nearly equal to a row that stays",
    Outcome.SCREENED_OUT: "left out by a filter, see below",
    Outcome.CONTAMINATED: "hold an item of an evaluation set",
    Outcome.SET_ASIDE: "above a source's cap, under an excluded licence, or not let pass by a review",
    Outcome.REJECTED: "no row could be made of them: an empty answer, a missing field and the like",
}


def _outcomes(found: Sequence[Origin]) -> list[tuple[str, int, float | None, str]]:
    """Items by outcome, with their share and what it means; they add up to all that was seen."""
    counts = sum((origin.outcomes for origin in found), Counter[Outcome]())
    return [
        (each.value, counts[each], audit.percent(counts[each], counts.total()), meaning)
        for each, meaning in _MEANINGS.items()
    ]


def _category(share: Share, counted: Counted) -> dict[str, Any]:
    lengths, rate = counted.lengths.get(share.name), counted.rates.get(share.name)
    return {
        "share": share,
        "mean": round(share.tokens / share.rows, 1) if share.rows else None,
        "quantiles": lengths.quantiles if lengths else None,
        "bytes_a_token": round(rate[1] / rate[0], 2) if rate and rate[0] else None,
    }


def _evaluations(fates: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    """Rows removed by evaluation set."""
    return sorted(
        (name.removeprefix(CONTAMINATED), sizes["rows"])
        for name, sizes in fates.items()
        if name.startswith(CONTAMINATED)
    )


def _verdicts(fates: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    """Rows that a filter left out, by its verdict, the most first."""
    out = [(name, sizes["rows"]) for name, sizes in fates.items() if audit.outcome(name) == Outcome.SCREENED_OUT]
    return sorted(out, key=lambda pair: (-pair[1], pair[0]))


def _ranked(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, float | None]]:
    total = sum(sizes["rows"] for sizes in counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1]["rows"], item[0]))
    return [(name, sizes["rows"], audit.percent(sizes["rows"], total)) for name, sizes in ranked]


def _languages(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, float | None]]:
    named = {("not tagged" if name in ("", "None") else name): sizes for name, sizes in counts.items()}
    ranked = _ranked(named)
    if len(ranked) <= _LANGUAGES:
        return ranked
    rest = sum(rows for _, rows, _ in ranked[_LANGUAGES:])
    total = sum(rows for _, rows, _ in ranked)
    return [*ranked[:_LANGUAGES], (f"{len(ranked) - _LANGUAGES} others", rest, audit.percent(rest, total))]


def _source(origin: Origin, doubled: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """What the page says of a source."""
    outcomes, report = origin.outcomes, origin.report
    seen = outcomes.total()
    shown = (Outcome.KEPT, Outcome.DUPLICATE)
    left_out = {name: rows for name, rows in origin.fates.items() if audit.outcome(name) not in shown}
    return {
        "key": origin.key,
        "category": origin.category,
        "report": report,
        "seen": seen,
        "rows": origin.rows,
        "tokens": origin.tokens,
        "outcomes": [(each.value, outcomes[each], audit.percent(outcomes[each], seen)) for each in Outcome],
        "rejected": sorted(report["rejected"].items(), key=lambda item: (-item[1], item[0])),
        "left_out": sorted(left_out.items(), key=lambda item: (-item[1], item[0])),
        "doubled": doubled,
        "examples": [_example(example) for example in report["examples"]],
    }


def _example(example: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who says what, in the order in which a model reads it."""
    parts = [("system", example.get("system", ""))]
    for asked, answered in example.get("history", ()):
        parts += [("user", asked), ("assistant", answered)]
    parts += [("user", example.get("instruction", "")), ("input", example.get("input", ""))]
    parts += [("assistant", example.get("output", "")), ("rejected answer", example.get("rejected", ""))]
    labels = [
        f"{name.replace('_', ' ')}: {example[name]}" for name in ("safety_label", "severity") if example.get(name)
    ]
    parts += [("labels", ", ".join(labels))]
    return [(who, _cut(str(said))) for who, said in parts if said]


def _cut(text: str) -> str:
    return text if len(text) < CUT else text[:CUT] + " …"
