"""Train the decision whether a request changes the running program or begins a new one.

In:   screened.jsonl (requests said over a running program, and follow-ups, are changes; the others are new),
      data/seed/follow_ups (hand-written lines of both, kinds of words), data/seed (objects, colours, scenes)
Out:  one file for device/follow_up.py, and metrics: how many of the 300 labelled requests it decides right
Holds: no labelled request is trained on, in any spelling with the same words; the labelled ones decide nothing. What a
      row does in training hangs on its text and the seed; the same bytes for the same inputs.
Run:  python -m stages.model_follow_up --screened data/lamp/screened.jsonl --out models/follow_up/decider.json
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from .command import stage

if TYPE_CHECKING:
    from .device.linear_text import Model
    from .model.linear_training import Examples, Learning
    from .model.text_lines import Line


@dataclass(frozen=True)
class Params:
    """Section model_follow_up of params.yaml; its comments say what each key does."""

    seed: int
    rows: Annotated[int, Ge(1)]
    left_out: tuple[str, ...]
    written_weight: Annotated[float, Gt(0)]
    words: Annotated[int, Ge(1), Le(3)]
    characters: tuple[Annotated[int, Ge(1)], Annotated[int, Le(6)]]
    buckets_log2: Annotated[int, Ge(10), Le(18)]
    strength: Annotated[float, Gt(0)]
    threshold: Annotated[float, Gt(0), Lt(1)]
    slice_share: Annotated[float, Gt(0), Lt(1)]


@stage(
    __doc__,
    screened="data/lamp/screened.jsonl",
    seed_folder="data/seed",
    out="models/follow_up/decider.json",
    metrics="metrics/model_follow_up.json",
)
def main(screened: Path, seed_folder: Path, out: Path, metrics: Path, params_path: Path) -> None:
    from . import files, params
    from .device import linear_text
    from .model import linear_training, word_lists

    knobs = params.load(Params, "model_follow_up", params_path)
    labelled = lines_of(seed_folder / "follow_ups" / "labelled.yaml", 1.0)
    written = lines_of(seed_folder / "follow_ups" / "training.yaml", knobs.written_weight)
    lines = training_lines(written, requests(screened, knobs), labelled)
    learning = learning_of(knobs, word_lists.of_seed(seed_folder, "follow_ups"))
    known = examples_of(lines, learning)
    model = linear_training.train(known, learning)
    linear_text.write(out, model)
    figures = scored(model, labelled) | right_on_a_slice(lines, known, learning, knobs) | {"trained_on": len(lines)}
    files.write_json(metrics, figures)
    click.echo(f"{out}: {figures['right']} of {figures['n']} labelled requests decided right")


def lines_of(path: Path, weight: float) -> list[Line]:
    """The lines of a file with the lists `changes` and `new`. Raises UserError naming what is none."""
    from .model import text_lines
    from .model.text_lines import Line

    held = text_lines.read_lines(path, ("changes", "new"))
    return [Line(text, text, side == "changes", weight) for side, texts in held.items() for text in texts]


def requests(screened: Path, knobs: Params) -> Iterator[Line]:
    """The requests of the data set: all that change something, and `rows` others, chosen by their texts' hashes."""
    from . import files
    from .model.text_lines import Line, rank

    others = []
    for row in files.read_rows(screened, ("id", "prompt")):
        # Of one template, rows are nearly alike: all are on one side of a split.
        line = Line(str(row.get("template", row["id"])), row["prompt"], changes(row))
        if line.answer:
            yield line
        elif row.get("subcategory") not in knobs.left_out:
            others.append(line)
    yield from sorted(others, key=lambda line: rank(line.text, knobs.seed))[: knobs.rows]


def changes(row: Mapping[str, Any]) -> bool:
    """Whether a row's request is said about what is running."""
    return "running" in row or row.get("subcategory") == "follow_up"


def training_lines(*sources: Any) -> list[Line]:
    """The first two of the three sources without what the third, which is held out, has; each text once, sorted."""
    from .model.text_lines import spelling

    written, rows, labelled = sources
    seen = {spelling(line.text) for line in labelled}
    lines = []
    for line in [*written, *rows]:
        if (spelt := spelling(line.text)) not in seen:
            seen.add(spelt)
            lines.append(line)
    return sorted(lines)


def learning_of(knobs: Params, lists: dict[str, tuple[str, ...]]) -> Learning:
    """How the model is trained."""
    from .device.linear_text import Shape
    from .model.linear_training import Learning

    shape = Shape(knobs.words, knobs.characters, 1 << knobs.buckets_log2)
    return Learning(shape, knobs.strength, knobs.threshold, lists)


def examples_of(lines: list[Line], learning: Learning) -> Examples:
    """The lines as the model is given them."""
    from .device import follow_up, word_kinds
    from .model import linear_training

    read = partial(follow_up.reading, known=word_kinds.kinds(learning.lists))
    return linear_training.examples(lines, learning.shape, read)


def right_on_a_slice(lines: list[Line], known: Examples, learning: Learning, knobs: Params) -> dict[str, float]:
    """Of hand-written lines that a model is not trained on: how many, and the share that it decides right.

    Knobs and word lists are tuned by this figure, and by it alone.
    """
    from .model import linear_training
    from .model.text_lines import held_out

    kept = [held_out(line.key, knobs.slice_share, knobs.seed) for line in lines]
    rest = linear_training.train(known.only(~np.array(kept)), learning)
    written = [line for line, away in zip(lines, kept, strict=True) if away and line.weight == knobs.written_weight]
    measured = scored(rest, written)
    return {"slice_n": measured["n"], "slice_accuracy": measured["accuracy"]}


def scored(model: Model, lines: list[Line]) -> dict[str, float]:
    """How many of the lines a model decides right, and of which kind those are."""
    from .device import follow_up, word_kinds

    known = word_kinds.kinds(model.lists)
    sides = {True: [0, 0], False: [0, 0]}
    for line in lines:
        said = model.score(*follow_up.reading(line.text, known)) >= model.threshold
        sides[line.answer][said == line.answer] += 1
    right = sides[True][1] + sides[False][1]
    return {
        "n": len(lines),
        "right": right,
        "accuracy": round(right / len(lines), 4),
        "changes_n": sum(sides[True]),
        "changes_right": sides[True][1],
        "new_n": sum(sides[False]),
        "new_right": sides[False][1],
    }


if __name__ == "__main__":
    main()
