"""One request, asked until its answer holds or the attempts are used up.

Where an answer does not do, the next call says why. All of it follows from the answers alone: with the same answers
in the store, a conversation takes the same course and ends in the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from .answer_store import Answer
from .anthropic_knobs import Price
from .spending import most_usd

# A wrong answer is quoted in the next call, but not at any length: its beginning is enough to go on.
_QUOTED = 6000
_NAMED_FAULTS = 5


@dataclass(frozen=True)
class Setting:
    """What the calls of one kind share. schema: JSON Schema for structured output, None without.

    The API has no temperature any more (version 2026-10-21 refuses it); what an answer depends on beside the words
    is the model, the schema, the effort and the most tokens.
    """

    model: str
    system: str
    schema: dict[str, Any] | None
    max_tokens: int
    effort: str | None

    @cached_property
    def shared(self) -> dict[str, Any]:
        """The parameters of a Messages call without its messages and its cache marks."""
        params: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens}
        output: dict[str, Any] = {}
        if self.effort is not None:
            output["effort"] = self.effort
        if self.schema is not None:
            output["format"] = {"type": "json_schema", "schema": self.schema}
        if output:
            params["output_config"] = output
        return {**params, "system": self.system}

    def most_usd(self, call: Call, price: Price, discount: float) -> float:
        """What a call costs at most."""
        texts = [self.system, *(message["content"] for message in call.messages)]
        if self.schema is not None:
            texts.append(orjson.dumps(self.schema).decode())
        return most_usd(texts, self.max_tokens, price, discount)

    @cached_property
    def digest(self) -> str:
        """sha256 of `shared`."""
        return _sha256(self.shared)

    def params(self, messages: list[dict[str, str]], cache_ttl: str) -> dict[str, Any]:
        """The parameters of a call. The mark makes the system prompt cacheable; it changes no answer, and no key."""
        mark = {"type": "ephemeral", "ttl": cache_ttl}
        system = [{"type": "text", "text": self.system, "cache_control": mark}]
        return {**self.shared, "system": system, "messages": messages}


@dataclass(frozen=True)
class Call:
    """One thing to ask. key: what its answer is kept under."""

    key: str
    messages: list[dict[str, str]]


@dataclass(frozen=True)
class Arrival:
    """What came of a call: an answer, now in the store, or the reason why there is none, which has cost nothing."""

    key: str
    answer: Answer | None
    failure: str = ""


# Tells the user what happens, a line at a time.
Say = Callable[[str], None]


class Conversation:
    """Where one request stands.

    question: what was asked at first. faults: what is wrong with an answer's text, in sentences; empty when it
    does. call: what is to be asked next, None at the end. At the end there is either `answer` (text) or `reasons`
    (why each attempt was refused).
    """

    def __init__(self, setting: Setting, question: str, faults: Callable[[str], list[str]], attempts: int) -> None:
        self._setting = setting
        self.question = question
        self._faults = faults
        self._attempts = attempts
        self._attempt = 1
        self.answer: str | None = None
        self.reasons: list[str] = []
        self.call: Call | None = self._ask([{"role": "user", "content": question}])

    def hear(self, answer: Answer) -> None:
        """Take the answer of `call`; then there is another call, or the end."""
        faults = self._faults_of(answer)
        if not faults:
            self.answer, self.reasons, self.call = answer.text, [], None
            return
        self.reasons.append("; ".join(faults))
        self._attempt += 1
        self.call = self._ask(self._again(answer, faults)) if self._attempt <= self._attempts else None

    def _ask(self, messages: list[dict[str, str]]) -> Call:
        # The digest stands for the setting: hashing a long prompt once is enough.
        return Call(_sha256([self._setting.digest, messages]), messages)

    def _faults_of(self, answer: Answer) -> list[str]:
        if answer.stop_reason == "refusal":
            return [f"the model refused to answer{f' ({answer.detail})' * bool(answer.detail)}"]
        if answer.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            return [f"the answer was cut off after {answer.usage.output} tokens"]
        if not answer.text.strip():
            return [f"the answer is empty (stop reason {answer.stop_reason})"]
        return self._faults(answer.text)

    def _again(self, answer: Answer, faults: list[str]) -> list[dict[str, str]]:
        """The next call's messages: the wrong answer and what is wrong with it.

        A refused, empty or cut-off answer is not quoted: there is nothing to mend in it. The number of the attempt
        makes every call a new one, even after the same mistake.
        """
        if answer.stop_reason != "end_turn" or not answer.text.strip():
            note = f"(Attempt {self._attempt}. Before, {faults[0]}. Answer briefly and completely.)"
            return [{"role": "user", "content": f"{self.question}\n\n{note}"}]
        named = "\n".join(f"- {fault}" for fault in faults[:_NAMED_FAULTS])
        objection = f"That cannot be used:\n{named}\nAttempt {self._attempt}: answer the request again."
        return [
            {"role": "user", "content": self.question},
            {"role": "assistant", "content": answer.text.strip()[:_QUOTED]},
            {
                "role": "user",
                "content": objection,
            },
        ]


def _sha256(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
