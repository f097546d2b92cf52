"""The service on a loopback port, in a thread, with a real model, or with one that waits until it is told to go on."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.device.answering import Answerer, Reply
from stages.device.serving.server import Server, listen
from stages.device.serving.service import Service, ServiceSettings, app_for
from stages.lamp.program import Program, compact
from stages.model.gguf import add_metadata
from tests.device.conftest import SYSTEM, TinyModel

FORMAT = {
    "system_prompt": SYSTEM,
    "request_template": "Lamp program: {prompt}",
    "follow_up_template": "Lamp program: {prompt} Now running: {running}",
}
PATIENCE_S = 30


def asked_as_trained(model: TinyModel, folder: Path) -> Path:
    """The model with the metadata that says how requests are put to it."""
    path = folder / "taught-Q4_K_M.gguf"
    add_metadata(model.q4_k_m, path, FORMAT)
    return path


def program(name: str, color: str = "#FF0000") -> Program:
    command = {"type": "pattern", "name": "solid", "params": {"color": color}}
    return {"program": {"name": name, "steps": [{"id": "s1", "command": command, "duration": None}]}}  # type: ignore


@dataclass
class Held:
    """In place of an Answerer: an answer is the request as a program's name, and comes when `go` is set."""

    model: Path
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    answered: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, request: str, running: Program | None = None, seed: int = 0) -> Reply:
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        self.answered.append((request, running["program"]["name"] if running else None))
        made = program(request)
        return Reply(made, compact(made), "model", running is not None, (), 1, 1.0, 1.0)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one sentence of a refusal."""
        assert list(self.json) == ["error"] and "\n" not in self.json["error"], self.body
        return str(self.json["error"])


class Site:
    """A service that listens."""

    def __init__(self, port: int, service: Service, server: Server) -> None:
        self.port, self.service, self.server = port, service, server
        self.address = f"http://127.0.0.1:{port}"

    def send(self, path: str, body: bytes | None = None, method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as given:
                return Answer(given.status, lower(given.headers), given.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, lower(error.headers), error.read())

    def post(self, path: str, value: Any = None, **headers: str) -> Answer:
        body = b"" if value is None else json.dumps(value).encode()
        return self.send(path, body, "POST", content_type="application/json", **headers)

    def ask(self, request: str, **how: Any) -> Answer:
        return self.post("/program", {"request": request, **how})

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def end(self) -> None:
        self.server.should_exit = True


def lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextlib.contextmanager
def served(answerer: Answerer | Held, settings: ServiceSettings | None = None, decider: Any = None) -> Iterator[Site]:
    """The service until the block ends."""
    app = app_for(answerer, decider, settings or ServiceSettings())  # type: ignore[arg-type]
    ready = threading.Event()
    with listen("127.0.0.1", 0) as listening:
        server = Server(app, ready.set, app.state.service.end, lambda: None, 0)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert ready.wait(PATIENCE_S)
        try:
            yield Site(listening.getsockname()[1], app.state.service, server)
        finally:
            server.should_exit = True
            if isinstance(answerer, Held):
                answerer.go.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
