"""`lampforge write-requests`: more requests of a kind, written by a model, each with its meaning.

For the seed banks: what comes out is read by a person before it goes in. Paid answers are kept and bounded like all of
the Anthropic teacher's. A meaning is asked for as pairs of key and value, because structured output knows no types
that contain themselves and few optional keys; it is put together and checked here.
"""

# Heavy imports are inside the functions that need them: --help and usage errors do not wait for pydantic.
from __future__ import annotations

import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click

from ...errors import UserError, reports_user_errors
from ..request import Intent, Meaning

if TYPE_CHECKING:
    from .anthropic_knobs import Knobs

Row = dict[str, Any]

# Requests per call: few enough to stay different, many enough to share what the model reads.
_PER_CALL = 20
_EXAMPLES = 15
# Further calls for what was unusable, per call that was wanted.
_ROUNDS = 3
_LONGEST = 400
# Keys of a meaning whose values are names in the seed data.
_NAMES = ("object", "mood", "scene", "pattern", "weather", "place", "motion", "status", "change")
_FILE = click.Path(path_type=Path, dir_okay=False)

_RULES = """\
You write requests that people say to a lamp at home, and note what each means. The lamp has a grid of 10 x 14 LEDs in \
front and lights the wall behind; it shows patterns, small pictures, short texts, timers and sequences of them. The \
requests are used to teach a small language model what people want, so they must sound like people.

- Everyday speech as it is spoken: contractions, fillers ("um", "like"), trailing off ("maybe like a sunset or..."), \
correcting oneself ("blue, no wait, teal"), from "yo" to "could you please". Nobody says "render" or "execute".
- About three in ten have one to three words, four in ten four to eight, three in ten nine or more.
- Each one is different: another wish, not another wording. No two share a sentence pattern.
- Grammar that a native speaker would accept, unless the kind is about typing mistakes; other languages where it is \
about languages.
- Real days: activities, feelings, times, seasons, places, guests, children, work. No brand and no name of a person.
- Nothing that the lamp cannot do (sound, heat, messages), unless the kind is about that.

The meaning is what a careful listener would write down: an intent and facts, each a key with its value as text. Only \
the keys that the intent needs. Lists (colors) are separated by commas; colours are #RRGGBB; parts is a JSON list of \
meanings. Names of objects, moods, scenes and so on are only those that are listed with the request.
"""


@click.command()
@click.argument("subcategory")
@click.option("--count", type=click.IntRange(1, 5000), default=20, show_default=True, help="How many requests.")
@click.option("--out", type=_FILE, required=True, help="Where to write them, as JSON Lines.")
@click.option("--like", type=_FILE, default="data/lamp/prompts.jsonl", show_default=True, help="Requests there are.")
@click.option("--seed-folder", type=click.Path(path_type=Path), default="data/seed", show_default=True)
@click.option("--params", "params_path", type=_FILE, default="params.yaml", show_default=True)
@reports_user_errors
def write_requests(subcategory: str, count: int, out: Path, like: Path, seed_folder: Path, params_path: Path) -> None:
    """Have a model write requests of a SUBCATEGORY, with what they mean.

    SUBCATEGORY is one that --like has (time_aware, or contextual/time_aware where the name is in several categories);
    its requests serve as examples, and none of all that are there is written again. Model, budget and the store of
    paid answers are those of lamp_responses.anthropic in params.yaml; the key is ANTHROPIC_API_KEY. The same command
    again costs nothing as long as --like is the same; a larger --count only what is new.

    \b
    Example:
      lampforge write-requests contextual/time_aware --count 40 --out new.jsonl
    """
    from ... import files, params
    from .anthropic_knobs import SECTION, Knobs

    known = list(files.read_rows(like, ("prompt", "category", "meaning")))
    kind = _kind(known, subcategory, like)
    writer = RequestWriter(known, kind, seed_folder / "benchmark.yaml", params.load(Knobs, SECTION, params_path))
    rows = writer.write(count)
    files.write_rows(out, rows)
    refused = ", ".join(f"{number} {why}" for why, number in writer.refused.most_common())
    click.echo(f"{out}: {len(rows)} requests of {'/'.join(kind)}" + f"; refused: {refused}" * bool(refused))


def _kind(known: list[Row], wanted: str, path: Path) -> tuple[str, ...]:
    """Category and sub-category (where there is one) that are meant. Raises UserError listing those that are."""
    kinds = dict.fromkeys(tuple(filter(None, (row["category"], row.get("subcategory", "")))) for row in known)
    found = [kind for kind in kinds if wanted in ("/".join(kind), kind[-1])]
    if len(found) == 1:
        return found[0]
    listed = ", ".join("/".join(kind) for kind in found or kinds)
    what = "is in several categories" if found else "is no sub-category"
    raise UserError(f"{wanted}: {what} of {path}; one of {listed or 'none (the file is empty)'}")


class RequestWriter:
    """Asks for requests of one kind and keeps those that are usable. refused: how many were not, by reason."""

    def __init__(self, known: list[Row], kind: tuple[str, ...], benchmark: Path, knobs: Knobs) -> None:
        self._examples = [row for row in known if (row["category"], *filter(None, [row.get("subcategory")])) == kind]
        self._kind = kind
        self._benchmark = benchmark
        self._knobs = knobs
        self._names = {
            key: sorted({str(row["meaning"][key]) for row in known if key in row["meaning"]}) for key in _NAMES
        }
        self._said = {_normalised(row["prompt"]) for row in known}
        self.refused: Counter[str] = Counter()

    def write(self, count: int) -> list[Row]:
        """At most `count` requests, in the order in which they were asked for; fewer where many were unusable."""
        rows: list[Row] = []
        asked = 0
        for _ in range(_ROUNDS):
            parts = -(-(count - len(rows)) // _PER_CALL)
            for text in self._answers(range(asked, asked + parts)):
                rows += self._usable(text)
            asked += parts
            if len(rows) >= count:
                break
        return rows[:count]

    def _answers(self, parts: range) -> list[str]:
        from .anthropic_teacher import ask
        from .conversation import Setting

        knobs = self._knobs
        setting = Setting(knobs.model, _system(), _schema(), max(knobs.max_tokens, 300 * _PER_CALL), knobs.effort)
        talks = ask([self.question(part) for part in parts], setting, _faults, knobs)
        self.refused["answers that were no list of requests"] += sum(talk.answer is None for talk in talks)
        self.refused += Counter()  # drops zeros
        return [talk.answer for talk in talks if talk.answer is not None]

    def question(self, part: int) -> str:
        """What is asked in a call. Each part has other examples, so that the parts differ."""
        draw = random.Random(f"{'/'.join(self._kind)}:{part}")
        shown = draw.sample(self._examples, min(_EXAMPLES, len(self._examples)))
        examples = "\n".join(f"- {row['prompt']}  {_facts_of(row['meaning'])}" for row in shown)
        names = "\n".join(f"{key}: {', '.join(values)}" for key, values in self._names.items() if values)
        return (
            f"Write {_PER_CALL} requests of the kind {' / '.join(self._kind).replace('_', ' ')}. Part {part + 1}.\n\n"
            f"Some that there are already, as examples of the kind and not to be repeated:\n{examples}\n\n"
            f"Names that may stand in a meaning:\n{names}"
        )

    def _usable(self, text: str) -> list[Row]:
        import orjson

        rows = []
        for entry in orjson.loads(text)["requests"]:
            prompt = " ".join(str(entry["prompt"]).split())
            meaning, why = self._meaning(entry)
            why = why or self._objection(prompt)
            if why:
                self.refused[why] += 1
                continue
            self._said.add(_normalised(prompt))
            subcategory = self._kind[1] if len(self._kind) > 1 else ""
            row = {"prompt": prompt, "category": self._kind[0], "subcategory": subcategory, "meaning": meaning}
            rows.append({**row, "written_by": self._knobs.model})
        return rows

    def _objection(self, prompt: str) -> str:
        from ..held_out import benchmark_twin

        if not prompt or len(prompt) > _LONGEST:
            return "empty or too long"
        if _normalised(prompt) in self._said:
            return "there already"
        return "held out for the benchmark" if benchmark_twin(prompt, self._benchmark) else ""

    def _meaning(self, entry: Row) -> tuple[Row, str]:
        """The meaning of an entry, or why it is none."""
        try:
            meaning = meaning_of(entry["intent"], [(fact["key"], fact["value"]) for fact in entry["facts"]])
        except (KeyError, TypeError, ValueError):
            return {}, "with a meaning that is none"
        unknown = [key for key in _NAMES if key in meaning and meaning[key] not in self._names[key]]
        return (meaning, "with a name that is not in the seed data") if unknown else (meaning, "")


def meaning_of(intent: str, facts: list[tuple[str, str]]) -> Row:
    """A Meaning from its intent and from facts as text. Raises ValueError where they are none."""
    import orjson

    kinds = get_type_hints(Meaning)
    meaning: dict[str, Any] = {"intent": intent}
    for key, value in facts:
        kind = kinds.get(key)
        if kind is int:
            meaning[key] = int(value)
        elif key == "parts":
            meaning[key] = orjson.loads(value)
        elif kind == list[str]:
            meaning[key] = [part.strip() for part in value.split(",")]
        else:
            meaning[key] = value
    # pydantic leaves out the keys that it does not know, here and in parts.
    if _adapter().validate_python(meaning) != meaning:
        raise ValueError(f"{meaning} has keys that no meaning has")
    return meaning


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Meaning)


def _facts_of(meaning: Row) -> str:
    import orjson

    return orjson.dumps(meaning).decode()


def _faults(text: str) -> list[str]:
    """What is wrong with a whole answer; single requests are judged later."""
    import orjson

    try:
        entries = orjson.loads(text)["requests"]
        if entries and all(isinstance(entry["prompt"], str) and entry["intent"] is not None for entry in entries):
            return []
    except (orjson.JSONDecodeError, KeyError, TypeError):
        pass
    return ["a JSON object with a list `requests` is expected, each with prompt, intent and facts"]


def _system() -> str:
    keys = "\n".join(f"  {key}: {_spelled(kind)}" for key, kind in get_type_hints(Meaning).items())
    return f"{_RULES}\nKeys of a meaning:\n{keys}\n\n{Meaning.__doc__}"


def _spelled(kind: Any) -> str:
    if get_args(kind) and all(isinstance(value, str) for value in get_args(kind)):
        return " | ".join(get_args(kind))
    return {int: "a whole number", str: "text"}.get(kind, "a list")


def _schema() -> dict[str, Any]:
    keys = [key for key in get_type_hints(Meaning) if key != "intent"]
    fact = _object(key={"enum": keys}, value={"type": "string"})
    request = _object(
        prompt={"type": "string"}, intent={"enum": list(get_args(Intent))}, facts={"type": "array", "items": fact}
    )
    return _object(requests={"type": "array", "items": request})


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _normalised(prompt: str) -> str:
    return " ".join(prompt.lower().split())
