"""From what somebody says to a program that the lamp can play: always valid, never faster than eyes can bear.

Comes in: a GGUF file, requests as people say them, the program that is running. Goes out: a `Reply` for each.
Always holds: `Answerer.answer` gives a valid program for any text and raises nothing; what did not come from the model
as it was asked says so in `source` and `remarks`. One request at a time: an Answerer is not thread-safe.
"""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ..errors import UserError
from ..lamp import validation
from ..lamp.asking import RequestFormat
from ..lamp.program import Program, compact
from . import editing, flashing, prefix_cache
from .generate import Answer, Generator
from .safety import SAFE_PROGRAM, Filter

log = logging.getLogger(__name__)

Source = Literal["model", "edit", "fallback", "safe"]

# A wish is a sentence or two. More is cut: reading it would take the time in which the lamp should answer.
MOST_CHARACTERS = 400
# Below this many parameters a model knows nothing but lamp programs.
GENERAL_PARAMETERS = 50_000_000

FALLBACK: Program = {
    "program": {
        "name": "Soft light",
        "steps": [
            {
                "id": "s1",
                "command": {"type": "pattern", "name": "breathing", "params": {"color": "#FFBF00", "speed": 5000}},
                "duration": None,
            }
        ],
    }
}
"""What the lamp shows when there is no answer."""

_REMARKS = {
    "empty": "nothing was asked for",
    "cut": "the request was long; only its beginning was read",
    "closed": "the program became too long and was closed early",
    "alone": "the running program is too long to be changed; the request was answered by itself",
    "failed": "the model failed; this is a stand-in",
    "slowed": "flashes faster than three a second were slowed down",
    "unsafe answer": "the answer was not fit to be shown; this is a stand-in",
}


@dataclass(frozen=True)
class Settings:
    """How a device answers.

    threads: of llama.cpp; None: by the size of the file. context: tokens of prompt and answer; None: 2048 for a model
    that knows only the lamp, 4096 for others, more where the system prompt needs it. max_tokens: of an answer, which is
    closed there. temperature: 0 gives the likeliest answer, always the same; higher ones vary. safety: whether requests
    and answers are screened; auto: where the model is a general one. flashing: whether flashes faster than three a
    second may be shown. edits: whether plain changes of the running program are made by rule. cache: folder for the
    evaluated system prompt; None: it is kept in memory alone.
    """

    threads: int | None = None
    context: int | None = None
    max_tokens: int = 900
    temperature: float = 0.0
    safety: Literal["auto", "on", "off"] = "auto"
    flashing: bool = False
    edits: bool = True
    cache: Path | None = None


@dataclass(frozen=True)
class Reply:
    """A program and where it came from. text: the program as compact JSON. changed: it changes the one that ran.

    source: model; edit where a plain change ("slower") was made by rule; fallback where the model gave nothing that can
    be shown; safe where the request was refused.
    remarks: what its owner should know, in sentences without a capital. n_tokens, first_token_ms: of the model, 0 where
    it was not asked. total_ms: from the request to this reply.
    """

    program: Program
    text: str
    source: Source
    changed: bool
    remarks: tuple[str, ...]
    n_tokens: int
    first_token_ms: float
    total_ms: float


class Answerer:
    """A loaded model with all that stands between it and the lamp. Use it as a context manager, or `close` it.

    safety_file: the classifier's. Raises UserError for a file that is no model, and where requests are to be screened
    and there is no classifier.
    """

    def __init__(self, model: Path, settings: Settings, safety_file: Path | None = None) -> None:
        self.model, self.settings = model, settings
        self._generator = Generator(model, n_ctx=settings.context or 2048, n_threads=settings.threads)
        try:
            self._format = self._generator.request_format()
            self._make_room()
            self.filter = self._filter(safety_file)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model."""
        self._generator.close()

    @property
    def generator(self) -> Generator:
        """The model, for measuring it."""
        return self._generator

    @property
    def format(self) -> RequestFormat:
        """How requests are put to the model."""
        return self._format

    @property
    def _general(self) -> bool:
        """Whether the model knows more than lamp programs."""
        return self._generator.n_parameters >= GENERAL_PARAMETERS

    def _make_room(self) -> None:
        """Keep the evaluated beginning of all prompts; with a longer context where that leaves no room."""
        general = self._general
        prefix = self._prefix()
        needed = len(prefix) + self.settings.max_tokens + MOST_CHARACTERS
        if self.settings.context is None and (general or needed > self._generator.n_ctx):
            self._generator.close()
            context = max(4096 if general else 2048, needed)
            self._generator = Generator(self.model, n_ctx=context, n_threads=self.settings.threads)
        elif needed > self._generator.n_ctx:
            raise UserError(
                f"a context of {self._generator.n_ctx} tokens: the system prompt has {len(prefix)} and an answer up to"
                f" {self.settings.max_tokens}; take --context {needed}"
            )
        prefix_cache.warm(self._generator, prefix, self.settings.cache)

    def _prefix(self) -> list[int]:
        """The tokens that every prompt begins with."""
        return prefix_cache.common_beginning(*(self._tokens(request, None) for request in ("a", "b")))

    def _filter(self, file: Path | None) -> Filter | None:
        if self.settings.safety == "off" or (self.settings.safety == "auto" and not self._general):
            return None
        if file is None or not file.is_file():
            raise UserError(
                f"{file or self.model.parent}: no safety classifier beside this model; fetch a bundle that has one, or"
                " choose --safety off"
            )
        return Filter(file)

    def answer(self, request: str, running: Program | None = None, seed: int = 0) -> Reply:
        """The program for a request, whatever that is. running: the program that it changes; None: it stands alone."""
        start = time.perf_counter()
        remarks: list[str] = []
        wish = cleaned(request)
        if len(wish) > MOST_CHARACTERS:
            wish = wish[:MOST_CHARACTERS]
            remarks.append(_REMARKS["cut"])
        program, source, given = self._answered(wish, running, seed, remarks)
        return Reply(
            program,
            compact(program),
            source,
            source == "edit" or (running is not None and source == "model" and _REMARKS["alone"] not in remarks),
            tuple(remarks),
            given.n_tokens if given else 0,
            given.first_token_ms if given else 0.0,
            1000 * (time.perf_counter() - start),
        )

    def _answered(
        self, wish: str, running: Program | None, seed: int, remarks: list[str]
    ) -> tuple[Program, Source, Answer | None]:
        stand_in = FALLBACK if running is None else running
        if not wish:
            remarks.append(_REMARKS["empty"])
            return stand_in, "fallback", None
        if self.filter and not (verdict := self.filter.request(wish)).safe:
            remarks.append(verdict.line)
            return SAFE_PROGRAM, "safe", None
        try:
            if running is not None and self.settings.edits and (plain := editing.edited(wish, running)):
                return self._bearable(validation.parse(compact(plain)), "edit", None, remarks)
            given = self._generate(wish, running, seed, remarks)
            program = validation.parse(given.text)
        except Exception:
            log.exception("no answer to %r", wish)  # whatever it was, the lamp goes on
            remarks.append(_REMARKS["failed"])
            return stand_in, "fallback", None
        if not given.finished:
            remarks.append(_REMARKS["closed"])
        if self.filter and not self.filter.program(program).safe:
            remarks.append(_REMARKS["unsafe answer"])
            return FALLBACK, "fallback", given
        return self._bearable(program, "model", given, remarks)

    def _generate(self, wish: str, running: Program | None, seed: int, remarks: list[str]) -> Answer:
        ids = self._tokens(wish, running)
        room = self._generator.n_ctx - self.settings.max_tokens
        if running is not None and len(ids) > room:
            ids = self._tokens(wish, None)
            remarks.append(_REMARKS["alone"])
        while len(ids) > room:  # letters that cost several tokens each
            wish = wish[: len(wish) // 2]
            ids = self._tokens(wish, None)
            remarks[:] = dict.fromkeys([*remarks, _REMARKS["cut"]])
        return self._generator.generate(
            ids, max_tokens=self.settings.max_tokens, temperature=self.settings.temperature, seed=seed
        )

    def _tokens(self, wish: str, running: Program | None) -> list[int]:
        said = self._format.messages(wish, None if running is None else compact(running))
        return self._generator.tokens(self._generator.prompt(said))

    def _bearable(
        self, program: Program, source: Source, given: Answer | None, remarks: list[str]
    ) -> tuple[Program, Source, Answer | None]:
        if self.settings.flashing or not flashing.too_fast(program):
            return program, source, given
        remarks.append(_REMARKS["slowed"])
        calm = flashing.slowed(program)
        if flashing.too_fast(calm):
            return FALLBACK, "fallback", given
        return calm, source, given


# What chat templates write between turns: said by somebody, it is no such thing.
_MARKER = re.compile(r"<(?=\s*[|/]?[^<>\s]{1,40}>)|\[(?=/?INST\])")


def cleaned(request: str) -> str:
    """A request on one line, in composed letters, without control characters and without a chat template's markers."""
    # Surrogates that stand alone are no text and cannot be written down.
    whole = request[: 4 * MOST_CHARACTERS].encode(errors="ignore").decode()
    composed = unicodedata.normalize("NFC", whole)
    seen = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in composed)
    return " ".join(_MARKER.sub("", seen).split())


def as_json(reply: Reply) -> dict[str, Any]:
    """A reply as the service and `lampforge ask --json` give it."""
    return {
        "program": reply.program["program"],
        "source": reply.source,
        "changed": reply.changed,
        "remarks": list(reply.remarks),
        "tokens": reply.n_tokens,
        "first_token_ms": round(reply.first_token_ms, 2),
        "total_ms": round(reply.total_ms, 2),
    }
