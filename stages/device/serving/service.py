"""The HTTP service: wishes in, programs out, and a page with the lamp on it.

Comes in: an open Answerer. Goes out: an ASGI application that owns it until it is shut down.
Always holds: there is one lamp, so all clients share one running program and one history; the model answers one request
at a time, a bounded number wait; every refusal is one sentence as {"error": ...}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, WebSocket
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from ... import __version__
from ...errors import UserError
from ..answering import Answerer
from ..session import Decides, remembered
from . import interface, page
from .delivering import Courier
from .guarding import Guard, Rules
from .playing import Asked, Lamp, Said
from .queueing import Closed, Full, Queue
from .watching import Watchers

# A large model's longest answer on a Pi takes minutes; what takes longer than this has come to a stop.
STUCK_S = 600.0

_ABOUT = """A lamp with 172 LEDs that does what it is told in plain words.

There is one lamp: all clients share its running program and its history. Requests are answered one after the other;
when too many wait, the answer is 429 with `Retry-After`. `WebSocket /frames` sends what the lamp shows, 20 times a
second, as 516 bytes: red, green and blue of 172 LEDs, the 140 of the front first, row by row; with `?state=true` also
the state, as JSON text, whenever it changes. With a token, every address but `/`, its files and `/healthz` needs
`Authorization: Bearer TOKEN`; a WebSocket may offer the subprotocols `lampforge` and `bearer.` + base64url(TOKEN).
"""


@dataclass(frozen=True)
class ServiceSettings:
    """rules: who may ask. queue: how many may wait. lamp: where programs go. state: the file that remembers one."""

    rules: Rules = field(default_factory=Rules)
    queue: int = 8
    lamp: str | None = None
    state: Path | None = None


# What FastAPI says, and what helps.
_PLAIN = {
    "Not Found": "there is nothing at this address; /openapi.json lists what there is",
    "Method Not Allowed": "this address takes no such method; /openapi.json lists what it takes",
    "There was an error parsing the body": "the body is no JSON that could be read",
}


class Service:
    """What the routes of one application share."""

    def __init__(self, answerer: Answerer, decider: Decides | None, settings: ServiceSettings) -> None:
        self.model = answerer.model
        self.queue = Queue(settings.queue)
        self.courier = Courier(settings.lamp, settings.state)
        running = None if settings.state is None else remembered(settings.state)
        self.lamp = Lamp(answerer, decider, running, self.courier.take)
        self.watchers = Watchers(self.lamp.frame, lambda: orjson.dumps(self.state()).decode(), self.version)
        if running is not None:
            self.courier.take(running)

    @property
    def answers(self) -> bool:
        """Whether the thread that answers is not stuck."""
        return self.queue.busy_s < STUCK_S

    def health(self) -> str | None:
        """What is wrong, None when all is well."""
        if not self.answers:
            return f"the model has been at one answer for {self.queue.busy_s:.0f} s; restart the service"
        if not self.model.is_file():
            return (
                f"{self.model.name} is gone; answers still come from memory, but a restart would fail: fetch it again"
            )
        return None

    def version(self) -> tuple[int, int, int, bool]:
        """Changes with whatever `state` shows."""
        return self.lamp.revision, self.courier.revision, self.queue.waiting, self.queue.busy_s > 0

    def state(self) -> dict[str, Any]:
        """The state as the wire has it."""
        waits = {"waiting": self.queue.waiting, "size": self.queue.size, "answering": self.queue.busy_s > 0}
        return interface.state(self.lamp, waits, self.courier, self.model.name)

    async def answer(self, asked: Asked, request: HttpRequest) -> Said | None:
        """Answer when the turn comes; None when the client went before that. Raises HTTPException."""
        try:
            call = self.queue.submit(partial(self.lamp.answer, asked))
        except Full as full:
            line = f"{self.queue.size} requests are waiting already; try again in {full.retry_after_s} s"
            raise HTTPException(429, line, {"retry-after": str(full.retry_after_s)}) from None
        except Closed:
            raise _ending() from None
        answer, gone = asyncio.wrap_future(call), asyncio.create_task(_gone(request))
        either: set[asyncio.Future[Any]] = {answer, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if not answer.done():
            call.cancel()  # what has begun goes on, and the lamp shows it
            return None
        if answer.cancelled():
            raise _ending()
        try:
            return answer.result()
        except UserError as error:
            raise HTTPException(409, str(error)) from None

    def end(self) -> None:
        """Begin nothing more."""
        self.queue.close()


def _ending() -> HTTPException:
    return HTTPException(503, "the service is being stopped; ask again when it is back", {"retry-after": "5"})


async def _gone(request: HttpRequest) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def app_for(answerer: Answerer, decider: Decides | None, settings: ServiceSettings) -> FastAPI:
    """The application. `app.state.service` is its Service, which `end`s before the server stops."""
    service = Service(answerer, decider, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.end()
        await asyncio.to_thread(service.courier.close)

    app = FastAPI(
        title="LampForge",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # they load scripts from the network
        redoc_url=None,
        default_response_class=Response,
    )
    app.state.service = service
    _add_lamp(app, service)
    _add_watching(app, service)
    _add_page(app)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Guard, rules=settings.rules)
    return app


def _add_lamp(app: FastAPI, service: Service) -> None:
    refusals: dict[int | str, dict[str, Any]] = {
        400: {"model": interface.Problem, "description": "No JSON"},
        409: {"model": interface.Problem, "description": "`instead` names a request that is forgotten"},
        413: {"model": interface.Problem, "description": "More than 64 KB"},
        422: {"model": interface.Problem, "description": "JSON, but no request"},
        429: {"model": interface.Problem, "description": "Too many wait, or too many came from one client"},
        503: {"model": interface.Problem, "description": "The service is being stopped"},
    }

    @app.post(
        "/program", summary="Say what the lamp should do", responses={200: {"model": interface.Reply}, **refusals}
    )
    async def program(wish: interface.Request, request: HttpRequest) -> Response:
        """The answer is always a valid program, and the lamp plays it when this comes back."""
        said = await service.answer(Asked(wish.request, wish.change, wish.seed, wish.instead), request)
        return _json({} if said is None else interface.reply(said))

    @app.post("/stop", summary="Lights off", responses={200: {"model": interface.State}})
    async def stop() -> Response:
        """At once, whatever is being answered. The next request begins anew."""
        service.lamp.off()
        return _json(service.state())

    @app.get(
        "/state", summary="What is running, what waits, what was said", responses={200: {"model": interface.State}}
    )
    async def state() -> Response:
        return _json(service.state())

    @app.get(
        "/healthz",
        summary="Whether all is well",
        responses={200: {"model": interface.Health}, 503: {"model": interface.Health}},
    )
    async def healthz() -> Response:
        """503 also where answers still come, but would not after a restart."""
        reason = service.health()
        health = {"ok": reason is None, "answers": service.answers, "reason": reason}
        return _json(health, 200 if reason is None else 503)


def _add_watching(app: FastAPI, service: Service) -> None:
    @app.websocket("/frames")
    async def frames(socket: WebSocket, state: bool = False) -> None:
        await service.watchers.serve(socket, state)


def _add_page(app: FastAPI) -> None:
    files = page.files()

    @app.get("/", include_in_schema=False)
    async def whole() -> Response:
        return files["page.html"]

    @app.get("/lamp_page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, f"the page has no part {name[:40]!r}")
        return files[name]


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, {"cache-control": "no-store", **(headers or {})}, "application/json")


async def _refused(_: HttpRequest, error: Any) -> Response:
    line = _PLAIN.get(error.detail, error.detail)
    return _json({"error": line}, error.status_code, dict(error.headers or {}))


async def _misunderstood(_: HttpRequest, error: Any) -> Response:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _json({"error": f"the body is no JSON: {first['ctx']['error'].lower()}"}, 400)
    where = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] in ("model_attributes_type", "dict_type") or not where:
        line = 'send a JSON object as {"request": "a red heart"}, with the header Content-Type: application/json'
    elif first["type"] == "missing":
        line = f'{where}: this key is required, as in {{"request": "a red heart"}}'
    elif first["type"] == "extra_forbidden":
        line = f"{where[:40]}: no such key is known; there are {', '.join(interface.Request.model_fields)}"
    else:
        # Python's JSON, for it can write whatever it has read.
        wrong = f"{first['msg'][:1].lower()}{first['msg'][1:]}, got {json.dumps(first['input'])[:40]}"
        line = f"{where}: {wrong}"
    return _json({"error": line}, 422)


async def _failed(_: HttpRequest, error: Any) -> Response:
    return _json({"error": "this went wrong, and the service's log says how"}, 500)
