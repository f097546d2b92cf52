"""Train the safety filter of the lamp: what it does not answer and does not show.

In:   the corpus (harmful: requests of red teams that were declined or redirected; harmless: their harmless requests,
      and those of other categories), screened.jsonl (lamp requests and the texts of their programs, all harmless),
      data/seed/safety (hand-written lines of both kinds, phrases about hurting oneself)
Out:  one file for device/safety.py, and metrics at its threshold, each with its n
Holds: what is measured on was never trained on, nor did it decide the threshold; which side a line is on hangs on its
      id (of lamp requests: on their template's) and the seed. The same bytes for the same inputs.
Run:  python -m stages.model_safety --out models/safety/filter.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from .command import stage

if TYPE_CHECKING:
    from .device.safety import Filter
    from .model.linear_training import Examples, Learning
    from .model.text_lines import Line

_LAMP, _SHOWN, _CORPUS, _WRITTEN = "lamp", "shown", "corpus", "written"
# Labels of the safety bucket whose requests do harm (see corpus/intake/safety.py), and of those that only look it.
_HARMFUL, _LOOKS_HARMFUL = ("refusal", "safe_help"), "benign_help"
_PARTS = 3
_RED_TEAM, _MORAL = "red_team", "adversarial_moral"


Row = dict[str, Any]


@dataclass(frozen=True)
class Params:
    """Section model_safety of params.yaml; its comments say what each key does."""

    seed: int
    held_out: Annotated[float, Gt(0), Lt(1)]
    corpus_rows: Annotated[int, Ge(1)]
    lamp_rows: Annotated[int, Ge(1)]
    written_weight: Annotated[float, Gt(0)]
    words: Annotated[int, Ge(1), Le(3)]
    characters: tuple[Annotated[int, Ge(1)], Annotated[int, Le(6)]]
    buckets_log2: Annotated[int, Ge(10), Le(18)]
    strength: Annotated[float, Gt(0)]
    refused_share: Annotated[float, Ge(0), Lt(1)]
    least_threshold: Annotated[float, Gt(0), Lt(1)]


@stage(
    __doc__,
    sources="data/corpus/sources",
    merged="data/corpus/merged",
    screened="data/lamp/screened.jsonl",
    seed_folder="data/seed",
    out="models/safety/filter.json",
    metrics="metrics/model_safety.json",
)
def main(
    sources: Path, merged: Path, screened: Path, seed_folder: Path, out: Path, metrics: Path, params_path: Path
) -> None:
    from . import files, params
    from .device import linear_text, safety
    from .model import linear_training, text_lines

    knobs = params.load(Params, "model_safety", params_path)
    folder = seed_folder / "safety"
    rows, measured_rows = lamp_rows(screened, knobs)
    requests = [lamp_line(row, row["prompt"]) for row in (*rows, *measured_rows)]
    lines = [*written(folder, knobs.written_weight), *corpus(sources, merged, knobs), *requests]
    kept, measured = text_lines.split(lines, knobs.held_out, knobs.seed)
    kept += shown(rows, {text_lines.spelling(line.text) for line in (*kept, *measured)})
    learning = learning_of(knobs, seed_folder)
    known = examples_of(kept, learning)
    threshold = threshold_of(kept, known, learning, knobs)
    linear_text.write(out, linear_training.train(known, replace(learning, threshold=threshold)))
    refused = safety.Filter(out)
    figures = scored(refused, measured) | scored_programs(refused, measured_rows)
    files.write_json(metrics, {"threshold": threshold, "trained_on": len(kept)} | figures)
    click.echo(f"{out}: {in_words(figures)}")


def written(folder: Path, weight: float) -> Iterator[Line]:
    """The hand-written lines."""
    from .model import text_lines
    from .model.text_lines import Line

    for name, harmful in (("harmful.yaml", True), ("harmless.yaml", False)):
        for texts in text_lines.read_lines(folder / name).values():
            yield from (Line(f"{_WRITTEN}:{text}", text, harmful, weight) for text in texts)


def corpus(sources: Path, merged: Path, knobs: Params) -> Iterator[Line]:
    """Requests of the corpus in one turn: all harmful ones, those that only look it, and `corpus_rows` others."""
    import polars as pl

    from .corpus import merging, writing
    from .model.text_lines import Line

    origins = writing.origins(sources, merging.reports(merged, sources))
    index = pl.read_parquet(merged / merging.INDEX)
    stays = index.filter(index["fate"] == merging.Fate.KEPT.value)
    category = pl.col("source").cast(pl.String).replace({each.source: each.category for each in origins})
    label = pl.col("safety_label").cast(pl.String).fill_null("")
    known = stays.with_columns(team=category == _RED_TEAM, moral=category == _MORAL, label=label)
    others = known.filter(~pl.col("team") & ~pl.col("moral") & (pl.col("label") == "")).sort("order")
    # Moral judgements, and what is labelled elsewhere, speak of harm without asking for any: neither side has them.
    wanted = pl.concat([known.filter("team"), others.head(knobs.corpus_rows)])
    for origin in origins:
        rows = writing.rows_of(origin, wanted.filter(pl.col("source") == origin.source))
        for row in rows.filter(pl.col("history").list.len() == 0).sort("rid").iter_rows(named=True):
            if row["team"] and row["label"] not in (*_HARMFUL, _LOOKS_HARMFUL):
                continue
            yield Line(f"{_CORPUS}:{row['_id']}", row["instruction"], row["label"] in _HARMFUL, 1.0)


def lamp_rows(screened: Path, knobs: Params) -> tuple[list[Row], list[Row]]:
    """The rows of the data set to train on, `lamp_rows` at most, and all those to measure with."""
    from . import files
    from .model import text_lines

    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in files.read_rows(screened, ("id", "prompt", "response")):
        measured = text_lines.held_out(lamp_line(row, "").key, knobs.held_out, knobs.seed)
        sides[measured].append(row)
    sides[0].sort(key=lambda row: text_lines.rank(row["id"], knobs.seed))
    # One row of each template, then a second of each: the more templates, the more that is said in another way.
    seen: Counter[str] = Counter()
    turns = []
    for row in sides[0]:
        template = lamp_line(row, "").key
        turns.append((seen[template], row))
        seen[template] += 1
    turns.sort(key=lambda turn: turn[0])
    return [row for _, row in turns[: knobs.lamp_rows]], sides[1]


def lamp_line(row: Row, text: str) -> Line:
    """A text of a row. Rows of one template are nearly alike: all are on one side of the split."""
    from .model.text_lines import Line

    return Line(f"{_LAMP}:{row.get('template', row['id'])}", text, False, 1.0)


def shown(rows: Sequence[Row], known: set[str]) -> list[Line]:
    """What the answers of the rows say on the lamp, each text once, but for those that are known by their spelling."""
    import orjson

    from .device import safety
    from .model import text_lines
    from .model.text_lines import Line

    lines = []
    for row in rows:
        for text in safety.texts(orjson.loads(row["response"])):
            if (spelt := text_lines.spelling(text)) and spelt not in known:
                known.add(spelt)
                lines.append(Line(f"{_SHOWN}:{row['id']}", text, False))
    return lines


def learning_of(knobs: Params, seed_folder: Path) -> Learning:
    """How the model is trained, but for its threshold."""
    from .device.linear_text import Shape
    from .device.safety import SELF_HARM
    from .model import text_lines, word_lists
    from .model.linear_training import Learning

    phrases = text_lines.read_lines(seed_folder / "safety" / "self_harm.yaml", ("phrases",))["phrases"]
    shape = Shape(knobs.words, knobs.characters, 1 << knobs.buckets_log2)
    lists = word_lists.of_seed(seed_folder, "safety") | {SELF_HARM: tuple(phrases)}
    return Learning(shape, knobs.strength, 1.0, lists)


def examples_of(lines: Sequence[Line], learning: Learning) -> Examples:
    """The lines as the model is given them: as the filter gives them, of long ones the beginning."""
    from .device import safety, word_kinds
    from .model import linear_training

    known = word_kinds.kinds(safety.words_by_kind(learning.lists))
    return linear_training.examples(lines, learning.shape, lambda text: safety.reading(safety.pieces(text)[0], known))


def threshold_of(kept: Sequence[Line], known: Examples, learning: Learning, knobs: Params) -> float:
    """The lowest threshold by which at most `refused_share` of the lamp requests are refused, within the training part.

    known: the examples of the lines. Each third of them is scored by a model of the others. Never below
    `least_threshold`.
    """
    from .model import linear_training
    from .model.text_lines import rank

    part = np.array([rank(line.key, knobs.seed + 1)[0] % _PARTS for line in kept])
    lamp = np.array([line.key.startswith(_LAMP) for line in kept])
    said = np.concatenate(
        [
            linear_training.scores(
                linear_training.train(known.only(part != one), learning), known.only(lamp & (part == one))
            )
            for one in range(_PARTS)
        ]
    )
    # The highest score that may not be refused, and a little more.
    ranked = np.sort(said)[::-1]
    found = ranked[int(knobs.refused_share * len(ranked))] + 1e-4 if len(ranked) else 0.0
    return round(float(max(knobs.least_threshold, min(found, 0.999))), 4)


def scored(refused: Filter, measured: Sequence[Line]) -> dict[str, Any]:
    """Precision and recall, and the share of harmless lines of each origin that is refused, each with its n."""
    said = [(line.key.partition(":")[0], line.answer, not refused.request(line.text).safe) for line in measured]

    def share(name: str, harmful: bool, *origins: str) -> dict[str, Any]:
        wanted = [no for origin, answer, no in said if answer == harmful and origin in origins]
        return {name: ratio(sum(wanted), len(wanted)), f"{name}_n": len(wanted)}

    rightly = [answer for _, answer, no in said if no]
    return {
        "precision": ratio(sum(rightly), len(rightly)),
        "precision_n": len(rightly),
        **share("recall", True, _CORPUS, _WRITTEN),
        **share("recall_corpus", True, _CORPUS),
        **share("recall_written", True, _WRITTEN),
        **share("false_positives_lamp", False, _LAMP),
        **share("false_positives_hard", False, _WRITTEN),
        **share("false_positives_corpus", False, _CORPUS),
    }


def scored_programs(refused: Filter, rows: Sequence[Row]) -> dict[str, Any]:
    """The share of the answers to lamp requests that is refused."""
    import orjson

    said = [not refused.program(orjson.loads(row["response"])).safe for row in rows]
    return {"false_positives_programs": ratio(sum(said), len(said)), "false_positives_programs_n": len(said)}


def ratio(part: int, whole: int) -> float | None:
    """A share, to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None


def in_words(figures: dict[str, Any]) -> str:
    """The result in one line."""
    return (
        f"recall {figures['recall']} (n={figures['recall_n']}), precision {figures['precision']}"
        f" (n={figures['precision_n']}), lamp requests refused {figures['false_positives_lamp']}"
        f" (n={figures['false_positives_lamp_n']})"
    )


if __name__ == "__main__":
    main()
