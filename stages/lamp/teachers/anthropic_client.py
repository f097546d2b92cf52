"""The API's client: the key from the environment, what is tried again, and what its errors mean.

The SDK tries again by itself where the server is busy or unreachable and waits as long as `retry-after` says. But it
sends no idempotency key (its clients have no header for one, and the Messages API documents none), so a request that
is sent again can be paid twice. Hence the difference made here:

- Creating a batch is only tried again where the server surely did not create it (429, 529, no connection). After a
  time-out, a cut connection or another server error it is `Unsure`, and the caller has to look at the list of batches.
- A plain call is tried again in any case; where its answer was lost on the way, `on_lost` counts it as paid.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
from anthropic import APIConnectionError, APIError, APIStatusError
from anthropic.types import Message

from ...errors import UserError
from .answer_store import Answer
from .anthropic_knobs import Knobs, Price
from .spending import Usage

KEY = "ANTHROPIC_API_KEY"
_BATCHES, _MESSAGES = "/v1/messages/batches", "/v1/messages"
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_BUSY = (429, 529)


class Unsure(Exception):  # noqa: N818 - it is what it says
    """The server may have created the batch, or may not."""


def connect(knobs: Knobs, on_lost: Callable[[], None] = lambda: None) -> anthropic.Anthropic:
    """A client with the key of the environment. `on_lost` is called in the thread of a plain call.

    Raises UserError where there is no key. ANTHROPIC_BASE_URL, where set, is where the client connects to.
    """
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise UserError(f"{KEY} is not set; export your key, or set lamp_responses.teacher to rule_based")

    def watch(request: Any, call_next: Callable[[Any], Any]) -> Any:
        paid = request.method.lower() == "post" and request.url in (_BATCHES, _MESSAGES)
        try:
            response = call_next(request)
        except APIConnectionError as error:
            if paid and not isinstance(error.__cause__, _NOT_SENT):
                if request.url == _BATCHES:
                    # The SDK looks for what it may retry among the causes; there must be none.
                    raise Unsure(str(error)) from None
                on_lost()
            raise
        status = response.http_response.status_code
        if request.url == _BATCHES and paid and (status >= 500 or status == 408) and status not in _BUSY:
            raise Unsure(f"status {status}") from None
        return response

    return anthropic.Anthropic(api_key=key, max_retries=knobs.retries, timeout=knobs.timeout_s, middleware=[watch])


def for_the_user(error: APIError) -> UserError:
    """An error of the API that trying again has not mended, as one line."""
    if isinstance(error, APIStatusError):
        said = error.api_message or error.message
        if error.status_code in (401, 403):
            return UserError(f"the API refused the key in {KEY} ({error.status_code}: {said}); check it")
        return UserError(f"the API answered {error.status_code}: {said}; nothing is lost, run the same command again")
    where = os.environ.get("ANTHROPIC_BASE_URL", "api.anthropic.com")
    return UserError(f"the API at {where} cannot be reached ({error}); nothing is lost, run the same command again")


def answer_of(message: Message, price: Price, discount: float, cache_ttl: str, batch: str | None) -> Answer:
    """A message of the API as an answer; of its content only the text (a model may think aloud before)."""
    text = "".join(block.text for block in message.content or () if block.type == "text")
    usage = usage_of(message, cache_ttl)
    stop_reason = message.stop_reason or "unknown"
    about = message.stop_details
    detail = ": ".join(filter(None, (about.category, about.explanation))) if about else ""
    return Answer(text, stop_reason, usage, usage.usd(price, discount), message.model, message.id, batch, detail)


def usage_of(message: Message, cache_ttl: str) -> Usage:
    """The tokens of a message. What was written to the cache for an unsaid time is taken as asked for."""
    usage = message.usage
    written = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else written * (cache_ttl == "1h")
    return Usage(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        cache_read=usage.cache_read_input_tokens or 0,
    )
