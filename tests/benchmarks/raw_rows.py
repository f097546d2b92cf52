"""Raw rows at the scale of the corpus, as public sets publish them: JSON Lines in four schemas, in 45 files.

Sentences are drawn from a pool, so that texts compress like prose; each original row holds a number of its own. One
row in five repeats an earlier one of any file, as it stands, in other letter case, or with other white space.

python -m tests.benchmarks.raw_rows FOLDER ROWS
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson
import yaml

FILES = 45
SCHEMAS = ("alpaca", "qa", "messages", "sharegpt")
_WORDS = 12_000
_SENTENCES = 30_000
_LETTERS = "etaoinshrdlucmfwypvbgk"


@cache
def _pool() -> list[str]:
    draw = random.Random(5)
    words = ["".join(draw.choices(_LETTERS, k=draw.randint(2, 9))) for _ in range(_WORDS)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(_WORDS)))  # as words are used (Zipf)
    drawn = (draw.choices(words, cum_weights=weights, k=draw.randint(6, 22)) for _ in range(_SENTENCES))
    return [" ".join(words).capitalize() + "." for words in drawn]


def _texts(number: int, pool: list[str]) -> tuple[str, str, str]:
    """The question, the passage or nothing, and the answer of an original row."""
    draw = random.Random(number)
    answer = " ".join(draw.choices(pool, k=draw.randint(5, 16)))
    passage = " ".join(draw.choices(pool, k=3)) if number % 4 == 0 else ""
    return f"{draw.choice(pool)} What is said of number {number}?", passage, answer


def _varied(texts: tuple[str, str, str], way: int) -> tuple[str, str, str]:
    question, passage, answer = texts
    if way == 1:
        return question.upper(), passage, answer.lower()
    if way == 2:
        return f"  {question}\n", passage, answer.replace(". ", ".\n\n")
    return texts


def _record(schema: str, texts: tuple[str, str, str]) -> dict[str, Any]:
    question, passage, answer = texts
    if schema == "alpaca":
        return {"instruction": question, "input": passage, "output": answer}
    asked = f"{question}\n\n{passage}" if passage else question
    if schema == "qa":
        return {"question": asked, "answer": answer}
    if schema == "messages":
        return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}
    return {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]}


def lines(file: int, rows: int, generation: int = 0) -> Iterator[bytes]:
    """The lines of one file of so many rows. Another generation has other originals."""
    pool, draw = _pool(), random.Random(f"{file} {generation}")
    schema = SCHEMAS[file % len(SCHEMAS)]
    for row in range(rows):
        number = (generation * FILES + file) * rows + row
        way = 0
        if row % 5 == 4:
            number, way = draw.randrange(number), row // 5 % 3
            number -= number % rows % 5 == 4  # an original, not a repetition
        yield orjson.dumps(_record(schema, _varied(_texts(number, pool), way))) + b"\n"


def write(folder: Path, file: int, rows: int, generation: int = 0) -> None:
    """Write one source: its folder with source.yaml and its rows."""
    entry = folder / f"source_{file:02}"
    entry.mkdir(parents=True, exist_ok=True)
    schema = SCHEMAS[file % len(SCHEMAS)]
    source = {
        "hub": None, "config": None, "split": "train", "family": schema, "category": "instruction",
        "priority": file + 1, "cap": 1 << 40, "licence": "unknown", "gated": False, "sample": "rows.jsonl",
        "note": "made",
    }  # fmt: skip
    (entry / "source.yaml").write_text(yaml.safe_dump({"source": source, "options": {}}, sort_keys=False))
    with (entry / "rows.jsonl").open("wb") as handle:
        handle.writelines(lines(file, rows, generation))


def write_all(folder: Path, rows: int) -> None:
    """Write all sources, `rows` in all, on two cores."""
    with ProcessPoolExecutor(2) as workers:
        list(workers.map(write, [folder] * FILES, range(FILES), [rows // FILES] * FILES))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), int(sys.argv[2]))
