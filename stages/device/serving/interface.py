"""What goes over the wire: the bodies of requests and replies, as OpenAPI shows them."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..answering import MOST_CHARACTERS, as_json
from .delivering import Courier
from .playing import Lamp, Playing, Said


class Request(BaseModel):
    """A wish, in plain words."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"request": "a red heart"}, {"request": "slower"}]}
    )

    request: str = Field(description="What the lamp should do. Of more than 400 characters the beginning is read.")
    change: bool | None = Field(
        None, description="Whether it changes the running program; null: the lamp decides that itself."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Another answer, where the service's temperature is not 0.")
    instead: str | None = Field(
        None,
        description="The id of an earlier request that this one corrects: it is answered over what ran before that.",
    )


class Reply(BaseModel):
    """The program that the lamp now plays."""

    id: str = Field(description="Names this request, for `instead`.")
    program: dict[str, Any] = Field(description="The lamp program: name, steps, loop, on_complete.")
    source: Literal["model", "edit", "fallback", "safe"] = Field(
        description="edit: a plain change, made by rule; fallback: the model gave nothing that can be shown; safe: the"
        " request was refused."
    )
    changed: bool = Field(description="The program changes the one that ran before.")
    could_change: bool = Field(description="A program was running that the request could have changed.")
    remarks: list[str] = Field(description="What the lamp's owner should know.")
    tokens: int = Field(description="Tokens that the model wrote.")
    first_token_ms: float
    total_ms: float = Field(
        description="From the beginning of the answer to its end; waiting in the queue is not counted."
    )


class Running(BaseModel):
    """What the lamp plays."""

    id: str | None = Field(description="The request that it answers; null after lights off and after a restart.")
    program: dict[str, Any]
    since: str = Field(description="UTC, ISO 8601.")
    for_ms: int


class Past(BaseModel):
    """A request and what came of it."""

    id: str
    request: str
    at: str = Field(description="UTC, ISO 8601.")
    name: str = Field(description="The program's name.")
    source: str
    changed: bool
    could_change: bool
    remarks: list[str]
    total_ms: float
    still: str = Field(description="The program at its brightest moment: base64 of 172 x 3 levels.")


class Waiting(BaseModel):
    """The queue before the model."""

    waiting: int
    size: int
    answering: bool


class Delivered(BaseModel):
    """How the last program came to the lamp at `--lamp`."""

    url: str
    error: str | None = Field(description="null: it is there, or on its way.")
    at: str | None


class State(BaseModel):
    """The one lamp that all clients share."""

    running: Running | None = Field(description="null before the first request.")
    queue: Waiting
    history: list[Past] = Field(description="The last 30 requests of all clients, the latest last.")
    lamp: Delivered | None
    model: str = Field(description="The name of the model's file.")


class Health(BaseModel):
    """Whether the service is well. A 503 does not mean that it gives no answers; `answers` says that."""

    ok: bool
    answers: bool
    reason: str | None


class Problem(BaseModel):
    """Why not, in one sentence."""

    error: str


def reply(said: Said) -> dict[str, Any]:
    """A `Reply`."""
    return {"id": said.id, **as_json(said.reply), "could_change": said.before is not None}


def past(said: Said) -> dict[str, Any]:
    """A `Past`."""
    given = said.reply
    return {
        "id": said.id,
        # Half of a surrogate pair can be said in JSON, and in no text.
        "request": said.request[:MOST_CHARACTERS].encode(errors="replace").decode(),
        "at": said.at.isoformat(timespec="milliseconds"),
        "name": given.program["program"]["name"],
        "source": given.source,
        "changed": given.changed,
        "could_change": said.before is not None,
        "remarks": list(given.remarks),
        "total_ms": round(given.total_ms, 1),
        "still": base64.b64encode(said.still).decode(),
    }


def running(playing: Playing | None) -> dict[str, Any] | None:
    """A `Running`."""
    if playing is None:
        return None
    return {
        "id": playing.said,
        "program": playing.program["program"],
        "since": playing.since.isoformat(timespec="milliseconds"),
        "for_ms": playing.for_ms,
    }


def state(lamp: Lamp, queue: dict[str, Any], courier: Courier, model: str) -> dict[str, Any]:
    """A `State`. queue: a `Waiting`."""
    last = courier.last
    delivered = {
        "url": courier.url,
        "error": last.error if last else None,
        "at": last.at.isoformat(timespec="milliseconds") if last else None,
    }
    return {
        "running": running(lamp.playing),
        "queue": queue,
        "history": [past(said) for said in lamp.history],
        "lamp": None if courier.url is None else delivered,
        "model": model,
    }
