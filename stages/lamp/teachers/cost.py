"""`lampforge cost`: what the Anthropic teacher's answers would cost, before anything is spent."""

# Heavy imports are inside the functions that need them: --help and usage errors do not wait for pydantic.
from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import UserError, reports_user_errors

if TYPE_CHECKING:
    from .answer_store import Answer
    from .anthropic_knobs import Knobs
    from .conversation import Setting
    from .spending import Usage

# Mean of 2,500 programs that a large model wrote; where nothing better is known.
_PROGRAM_LENGTH = 511
# From so many stored answers of the model on, their tokens count more than a guess.
_ENOUGH = 20
_SAMPLE = 20
_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Forecast:
    """What is to be asked. prefix: tokens that all calls share. source: how the tokens were found."""

    calls: int
    prefix: int
    questions: int
    answers: int
    source: str

    def usage(self, cached_share: float | None, ttl: str) -> Usage:
        """All tokens. cached_share: calls that find the prefix in the cache; None without caching."""
        from .spending import Usage

        if cached_share is None:
            return Usage(self.questions + self.calls * self.prefix, self.answers)
        written = max(min(1, self.calls), round(self.calls * (1 - cached_share))) * self.prefix
        hour = ttl == "1h"
        read = self.calls * self.prefix - written
        return Usage(self.questions, self.answers, written * (not hour), written * hour, read)


@click.command()
@click.option("--prompts", type=_FILE, default="data/lamp/prompts.jsonl", show_default=True)
@click.option("--responses", type=_FILE, default="data/lamp/responses.jsonl", show_default=True)
@click.option("--version", help="Only requests of this version: v1 or v2.")
@click.option("--offline", is_flag=True, help="Do not have the API count tokens (it does so for nothing).")
@click.option("--params", "params_path", type=_FILE, default="params.yaml", show_default=True)
@reports_user_errors
def cost(prompts: Path, responses: Path, version: str | None, offline: bool, params_path: Path) -> None:
    """Estimate what the answers of the Anthropic teacher cost.

    Reads the requests, the price table in params.yaml (lamp_responses.anthropic) and the store of answers that are
    paid already, and shows the four ways to ask for the rest. Answers that another teacher has given (--responses)
    tell how long answers are and which follow-ups will be asked over a running program. Nothing is sent but, where
    ANTHROPIC_API_KEY is set, a few requests to count tokens, which are free.

    \b
    Examples:
      lampforge cost
      lampforge cost --version v2 --offline
    """
    from ... import params
    from .answer_store import peek
    from .anthropic_knobs import SECTION, Knobs
    from .anthropic_teacher import program_setting

    knobs = params.load(Knobs, SECTION, params_path)
    stored = peek(knobs.store_folder)
    rows = _rows(prompts, responses, version)
    setting = program_setting(knobs)
    missing = _missing(rows, setting, knobs, stored)
    forecast = _forecast(missing, setting, knobs, list(stored.values()), offline)
    _show(forecast, len(rows), stored, knobs)


def _rows(prompts: Path, responses: Path, version: str | None) -> list[dict[str, Any]]:
    """The requests; with `response` where another teacher has answered, follow-ups over running programs included."""
    from ... import files

    answered = {row["id"]: row for row in files.read_rows(responses, ("id", "response"))} if responses.exists() else {}
    asked = {row["id"]: row for row in files.read_rows(prompts, ("id", "prompt"))}
    running = {key: row for key, row in answered.items() if "running" in row and key.rpartition("-")[0] in asked}
    rows = [{**row, "response": answered.get(key, {}).get("response")} for key, row in asked.items()]
    rows += [row for key, row in running.items() if key not in asked]
    if version is not None:
        known = sorted({str(row.get("version")) for row in rows})
        rows = [row for row in rows if row.get("version") == version]
        if not rows:
            raise UserError(f"{prompts}: no request of version {version!r}; there are {', '.join(known)}")
    return rows


def _missing(
    rows: list[dict[str, Any]], setting: Setting, knobs: Knobs, stored: dict[str, Answer]
) -> list[dict[str, Any]]:
    """The requests whose answers would have to be paid for, each question once."""
    from .anthropic_prompt import question
    from .conversation import Conversation

    missing = {}
    for row in rows:
        asked = question(row)
        call = Conversation(setting, asked, lambda text: [], knobs.attempts).call
        assert call is not None
        if call.key not in stored:
            missing[asked] = row
    return list(missing.values())


def _forecast(
    rows: list[dict[str, Any]], setting: Setting, knobs: Knobs, stored: list[Answer], offline: bool
) -> Forecast:
    from .anthropic_prompt import question
    from .spending import PROGRAM_CHARACTERS

    asked = [question(row) for row in rows]
    prefix, questions, source = _counted(asked, setting, knobs, offline)
    known = [answer.usage.output for answer in stored if answer.model.startswith(knobs.model)]
    if len(known) >= _ENOUGH:
        answers = round(len(rows) * sum(known) / len(known))
        length = f"answers as long as {len(known)} in the store"
    else:
        texts = [row["response"] for row in rows if row.get("response")]
        mean = sum(map(len, texts)) / len(texts) if texts else _PROGRAM_LENGTH
        answers = round(len(rows) * mean / PROGRAM_CHARACTERS)
        length = "answers as long as another teacher's" if texts else f"answers of {_PROGRAM_LENGTH} characters"
    return Forecast(len(rows), prefix, questions, answers, f"{source}; {length}")


def _counted(asked: list[str], setting: Setting, knobs: Knobs, offline: bool) -> tuple[int, int, str]:
    """Tokens of what the calls share and of all questions, and who counted them."""
    import orjson

    from .spending import tokens

    if not offline and asked and os.environ.get("ANTHROPIC_API_KEY"):
        return _counted_by_the_api(asked, setting, knobs)
    schema = orjson.dumps(setting.schema).decode() if setting.schema else ""
    how = "no key set: " * (not offline and not os.environ.get("ANTHROPIC_API_KEY"))
    source = f"{how}tokens guessed from characters, on the high side"
    return tokens(setting.system) + tokens(schema), sum(map(tokens, asked)), source


def _counted_by_the_api(asked: list[str], setting: Setting, knobs: Knobs) -> tuple[int, int, str]:
    from anthropic import APIConnectionError, APIStatusError

    from .anthropic_client import connect, for_the_user

    client = connect(knobs)
    shared = {key: value for key, value in setting.params([], knobs.cache_ttl).items() if key != "max_tokens"}

    def count(text: str) -> int:
        asked: Any = {**shared, "messages": [{"role": "user", "content": text}]}
        tokens: int = client.messages.count_tokens(**asked).input_tokens
        return tokens

    try:
        prefix = count("x")
        sample = asked[:: max(1, len(asked) // _SAMPLE)][:_SAMPLE]
        counts = [count(text) - prefix for text in sample]
    except (APIConnectionError, APIStatusError) as error:
        raise UserError(f"{for_the_user(error)}; or estimate with --offline") from None
    questions = round(sum(counts) / sum(map(len, sample)) * sum(map(len, asked)))
    return prefix, questions, f"tokens counted by the API (questions: {len(sample)} of {len(asked)})"


def _ways(forecast: Forecast, knobs: Knobs) -> dict[str, tuple[Usage, float]]:
    """Tokens and USD of each way to ask."""
    price, discount = knobs.price, knobs.batch_discount
    cached = knobs.cache_hit_share if forecast.prefix >= price.cached_from else None
    plain, cheap = forecast.usage(None, knobs.cache_ttl), forecast.usage(cached, knobs.cache_ttl)
    return {
        "one by one": (plain, plain.usd(price)),
        "one by one, cached": (cheap, cheap.usd(price)),
        "batches": (plain, plain.usd(price, discount)),
        "batches, cached": (cheap, cheap.usd(price, discount)),
    }


def _show(forecast: Forecast, requests: int, stored: dict[str, Answer], knobs: Knobs) -> None:
    from rich.console import Console
    from rich.table import Table

    paid = f", {requests - forecast.calls:,} of {requests:,} are paid for already" * (requests > forecast.calls)
    table = Table(title=f"{forecast.calls:,} answers by {knobs.model}{paid}")
    table.add_column("way to ask")
    for name in ("input", "cache written", "cache read", "output", "USD", "of the first"):
        table.add_column(name, justify="right")
    ways = _ways(forecast, knobs)
    first = ways["one by one"][1]
    for name, (usage, usd) in ways.items():
        written = usage.cache_write_5m + usage.cache_write_1h
        counts = [f"{count:,}" for count in (usage.input, written, usage.cache_read, usage.output)]
        chosen = name == ("batches, cached" if knobs.mode == "batches" else "one by one, cached")
        share = f"{usd / first:.0%}" if first else "-"
        table.add_row(name, *counts, f"{usd:,.2f}", share, style="bold" if chosen else None)
    console = Console(width=110, highlight=False)
    console.print(table)
    for line in _remarks(forecast, stored.values(), knobs):
        console.print(line, markup=False)


def _remarks(forecast: Forecast, stored: Collection[Answer], knobs: Knobs) -> Iterable[str]:
    yield f"Tokens: {forecast.source}."
    if forecast.prefix < knobs.price.cached_from:
        yield f"No caching: the prompt has {forecast.prefix} tokens, {knobs.price.cached_from} are the least."
    else:
        yield f"Caching: {knobs.cache_hit_share:.0%} of calls are taken to find the prompt (cache_hit_share)."
    if stored:
        spent = sum(answer.usd for answer in stored)
        hits = sum(answer.usage.cache_read > 0 for answer in stored) / len(stored)
        yield f"In the store: {len(stored):,} answers for ${spent:,.2f}; {hits:.0%} of them found the prompt cached."
    worst = f"{knobs.max_tokens:,} tokens of output and nothing cached"
    yield f"Budget: ${knobs.budget_usd:,.2f} (budget_usd). A call is only sent where it fits at its worst: {worst}."
