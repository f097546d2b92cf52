"""Train a linear text model (device/linear_text.py): logistic regression on hashed words and letters.

The same lines in the same order give the same weights: the solver (LIBLINEAR's trust region method) draws nothing, uses
one thread, and what it finds is rounded to float16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..device.linear_text import Model, Shape, features
from ..errors import UserError
from .text_lines import Line

if TYPE_CHECKING:
    from numpy.typing import NDArray


Reader = Callable[[str], tuple[str, Sequence[str]]]
"""What the model is given of a text, and the names of further features of it."""


@dataclass(frozen=True)
class Learning:
    """How a model learns. strength: the inverse of the regularisation; more of it learns closer to the lines."""

    shape: Shape
    strength: float
    threshold: float
    lists: dict[str, tuple[str, ...]]


class Examples(NamedTuple):
    """Lines as numbers: features (lines, buckets) as a sparse matrix, answers and weights of shape (lines,)."""

    features: Any
    answers: NDArray[np.bool_]
    weights: NDArray[np.float64]

    def only(self, wanted: NDArray[np.bool_]) -> Examples:
        """Some of them."""
        return Examples(self.features[wanted], self.answers[wanted], self.weights[wanted])


def examples(lines: Sequence[Line], shape: Shape, read: Reader) -> Examples:
    """The features of the lines, and their answers."""
    from scipy.sparse import csr_matrix

    places: list[int] = []
    values: list[float] = []
    ends = [0]
    for line in lines:
        row: dict[int, float] = {}
        said, signs = read(line.text)
        for block, value in features(said, shape, signs):
            for place in block:
                row[place] = row.get(place, 0.0) + value
        places += sorted(row)
        values += [row[place] for place in sorted(row)]
        ends.append(len(places))
    matrix = csr_matrix((values, places, ends), shape=(len(lines), shape.buckets))
    return Examples(matrix, np.array([line.answer for line in lines]), np.array([line.weight for line in lines]))


def train(known: Examples, learning: Learning) -> Model:
    """The model of these examples; yes and no weigh the same, however many examples each has.

    Raises UserError when all of them have one answer.
    """
    from sklearn.linear_model import LogisticRegression

    weights = known.weights.copy()
    for side in (known.answers, ~known.answers):
        if not side.any():
            raise UserError("all lines to learn from have one answer; add some of the other, or take another seed")
        weights[side] *= len(weights) / (2 * weights[side].sum())
    solver = LogisticRegression(C=learning.strength, solver="liblinear", max_iter=200, tol=1e-3)
    solver.fit(known.features, known.answers, sample_weight=weights)
    found: NDArray[np.float16] = solver.coef_[0].astype(np.float16)
    return Model(learning.shape, found, float(np.float16(solver.intercept_[0])), learning.threshold, learning.lists)


def scores(model: Model, asked: Examples) -> NDArray[np.float64]:
    """What the model says of each example, 0..1."""
    said: NDArray[np.float64] = asked.features @ model.weights.astype(np.float64) + model.bias
    return 1 / (1 + np.exp(-np.clip(said, -50, 50)))
