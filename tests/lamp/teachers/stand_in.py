"""A server on loopback that speaks the wire format of Anthropic's Messages API, and misbehaves as it is told.

It refuses what the real one refuses, as far as that is documented: a wrong key, missing headers and fields, schemas
that structured output does not take, custom_ids that are too long or not unique. `bills` is what it would charge for.
"""

from __future__ import annotations

import hashlib
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

KEY = "sk-stand-in"
_SHORTEST_CACHED = 1024


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request. done: the server has done what was asked before it goes wrong.

    status: an error status. stall_s: no answer for so long, then a cut. cut: the connection is cut in the middle of
    the answer; of results, after `lines` lines. late_s: the connection is cut at once, and done so much later.
    """

    status: int = 0
    retry_after: str = ""
    stall_s: float = 0.0
    cut: bool = False
    lines: int = 0
    late_s: float = 0.0
    done: bool = False


@dataclass(frozen=True)
class Said:
    """An answer of the model."""

    text: str
    stop_reason: str = "end_turn"


@dataclass(frozen=True)
class Bill:
    """Something paid for. key: the custom_id, or for a plain call what stands for one (see `plain_key`)."""

    key: str
    batch: str | None
    usage: dict[str, Any]


@dataclass
class Batch:
    """polls: looks at it until it has ended."""

    id: str
    entries: list[dict[str, Any]]
    created: datetime
    polls: int
    results: list[dict[str, Any]] | None = None
    cancelled: bool = False
    archived: bool = False


def good(messages: list[dict[str, Any]]) -> Said:
    """A valid program that depends on what was asked."""
    digest = hashlib.sha256(orjson.dumps(messages)).hexdigest().upper()
    command = {"type": "pattern", "name": "solid", "params": {"color": f"#{digest[:6]}"}}
    steps = [{"id": "s1", "command": command, "duration": None}]
    return Said(orjson.dumps({"program": {"name": digest[:8].lower(), "steps": steps}}).decode())


def plain_key(messages: list[dict[str, Any]]) -> str:
    """What tells plain calls apart."""
    return hashlib.sha256(orjson.dumps(messages)).hexdigest()


@dataclass
class StandIn:
    """The server's state and its script.

    answer: what the model says. entry: what becomes of a batch's entry, given its custom_id, its messages and how
    often it has been sent. fault: what goes wrong with the n-th request of a kind (create, retrieve, list, results,
    messages, count_tokens, cancel). watch: is told when something happens, before the answer goes out.
    """

    answer: Callable[[list[dict[str, Any]]], Said] = good
    entry: Callable[[str, list[dict[str, Any]], int], str] = lambda key, messages, times: "succeeded"
    fault: Callable[[str, int], Fault | None] = lambda kind, number: None
    watch: Callable[[str], None] = lambda event: None
    polls: int = 1
    short_results: int = 0  # so many downloads end early without an error
    url: str = ""
    bills: list[Bill] = field(default_factory=list)
    batches: dict[str, Batch] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _cached: set[Any] = field(default_factory=set)
    _schemas: set[bytes] = field(default_factory=set)

    def paid(self) -> Counter[str]:
        """How often each key was paid for."""
        return Counter(bill.key for bill in self.bills)

    # what the server does

    def create(self, entries: list[dict[str, Any]]) -> Batch:
        with self.lock:
            batch = Batch(f"msgbatch_{len(self.batches) + 1:04}", entries, datetime.now(UTC), self.polls)
            self.batches[batch.id] = batch
            self.sent.update(entry["custom_id"] for entry in entries)
        return batch

    def look(self, batch: Batch) -> None:
        """Somebody looks at a batch: it goes on."""
        with self.lock:
            batch.polls -= 1
            if batch.polls < 0 and batch.results is None:
                batch.results = [self._result(batch, entry) for entry in batch.entries]
                random.Random(batch.id).shuffle(batch.results)

    def _result(self, batch: Batch, entry: dict[str, Any]) -> dict[str, Any]:
        key, messages = entry["custom_id"], entry["messages"]
        kind = "canceled" if batch.cancelled else self.entry(key, messages, self.sent[key])
        if kind == "succeeded":
            message = self.message(entry)
            self.bills.append(Bill(key, batch.id, message["usage"]))
            return {"custom_id": key, "result": {"type": kind, "message": message}}
        if kind == "errored":
            return {"custom_id": key, "result": {"type": kind, "error": error("api_error", "internal server error")}}
        return {"custom_id": key, "result": {"type": kind}}

    def message(self, asked: dict[str, Any]) -> dict[str, Any]:
        said = self.answer(asked["messages"])
        return {
            "id": f"msg_{plain_key(asked['messages'])[:20]}",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [{"type": "text", "text": said.text}] if said.text else [],
            "stop_reason": said.stop_reason,
            "stop_sequence": None,
            "usage": self._usage(asked, said),
        }

    def _usage(self, asked: dict[str, Any], said: Said) -> dict[str, Any]:
        system, written, read = asked["system_tokens"], 0, 0
        if asked["ttl"] and system >= _SHORTEST_CACHED:
            prefix = (asked["model"], asked["system_digest"])
            written, read = (0, system) if prefix in self._cached else (system, 0)
            self._cached.add(prefix)
            system = 0
        hour = asked["ttl"] == "1h"
        return {
            "input_tokens": system + sum(len(str(message["content"])) for message in asked["messages"]) // 4,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_1h_input_tokens": written * hour,
                "ephemeral_5m_input_tokens": written * (not hour),
            },
            "output_tokens": max(1, len(said.text) // 3),
            "service_tier": "batch",
        }

    # what the server refuses

    def understood(self, params: dict[str, Any]) -> dict[str, Any]:
        """What of a call's parameters matters here. Raises Refused."""
        for name in ("model", "max_tokens", "messages"):
            require(name in params, f"{name}: field required")
        messages = params["messages"]
        require(bool(messages) and messages[0]["role"] == "user", "messages: first message must use the user role")
        for number, message in enumerate(messages):
            require(message["role"] == ("user", "assistant")[number % 2], "messages: roles must alternate")
            require(bool(message["content"]), "messages: text content blocks must be non-empty")
        output = params.get("output_config", {}).get("format")
        if output:
            schema = orjson.dumps(output["schema"])
            if schema not in self._schemas:
                check_schema(output["schema"])
                self._schemas.add(schema)
        known = {"model", "max_tokens", "messages", "system", "output_config"}  # no temperature any more
        require(params.keys() <= known, f"{params.keys() - known}: extra inputs are not permitted")
        [block] = params["system"]
        return {
            "model": params["model"],
            "messages": messages,
            "system_tokens": len(block["text"]) // 4,
            "system_digest": hashlib.sha256(block["text"].encode()).digest(),
            "ttl": block.get("cache_control", {}).get("ttl", "5m" if "cache_control" in block else ""),
        }

    def entries(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The entries of a batch. Raises Refused."""
        require(0 < len(body["requests"]) <= 100_000, "requests: between 1 and 100000 are allowed")
        keys = [request["custom_id"] for request in body["requests"]]
        require(len(set(keys)) == len(keys), "requests: custom_ids must be unique")
        for key in keys:
            require(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", key) is not None, f"custom_id: {key!r} is not allowed")
        return [{"custom_id": each["custom_id"], **self.understood(each["params"])} for each in body["requests"]]

    def shown(self, batch: Batch) -> dict[str, Any]:
        """A batch as the API shows it."""
        counts = Counter(line["result"]["type"] for line in batch.results or ())
        ended = batch.results is not None
        names = ("succeeded", "errored", "canceled", "expired")
        processing = 0 if ended else len(batch.entries)
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "canceling" if batch.cancelled else "in_progress",
            "request_counts": {"processing": processing, **{name: counts[name] for name in names}},
            "created_at": batch.created.isoformat(),
            "expires_at": (batch.created + timedelta(hours=24)).isoformat(),
            "ended_at": datetime.now(UTC).isoformat() if ended else None,
            "archived_at": datetime.now(UTC).isoformat() if batch.archived else None,
            "cancel_initiated_at": None,
            "results_url": f"{self.url}/v1/messages/batches/{batch.id}/results" if ended else None,
        }


class Refused(Exception):  # noqa: N818 - it is what it says
    """A request that the API does not take."""


def require(condition: bool, why: str) -> None:
    if not condition:
        raise Refused(why)


def error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


_REFUSED_KEYWORDS = {
    "minimum", "maximum", "multipleOf", "minLength", "maxLength", "pattern", "maxItems", "oneOf", "discriminator",
}  # fmt: skip


def check_schema(schema: dict[str, Any]) -> None:
    """What is documented of structured output's limits. Raises Refused."""
    optional = unions = 0

    def walk(part: Any) -> None:
        nonlocal optional, unions
        if isinstance(part, list):
            for each in part:
                walk(each)
        if not isinstance(part, dict):
            return
        wrong = part.keys() & _REFUSED_KEYWORDS
        require(not wrong, f"output_config.format.schema: {wrong} not supported")
        require(part.get("minItems", 0) <= 1, "output_config.format.schema: minItems above 1 is not supported")
        unions += "anyOf" in part
        if part.get("type") == "object":
            require(part.get("additionalProperties") is False, "schema: additionalProperties must be false")
            optional += len(part["properties"]) - len(part.get("required", ()))
        for name, value in part.items():
            if name in ("properties", "$defs"):
                for each in value.values():
                    walk(each)
            elif name != "enum":
                walk(value)

    walk(schema)
    require(optional <= 24, f"schema: {optional} optional parameters, 24 are allowed")
    require(unions <= 16, f"schema: {unions} parameters with union types, 16 are allowed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _serve(self, body: bytes) -> None:
        stand_in = self.server.stand_in
        place = urlsplit(self.path)
        kind, identity = self._kind(place.path)
        with stand_in.lock:
            stand_in.requests[kind] += 1
            number = stand_in.requests[kind]
            stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = stand_in.fault(kind, number)
        try:
            stand_in.watch(f"before {kind}")
            self._check_headers(bool(body))
            if fault and not fault.done and not fault.lines:
                self._misbehave(fault, lambda: self._do(kind, identity, place.query, body))
                return
            status, answer = self._do(kind, identity, place.query, body)
            stand_in.watch(f"after {kind}")
            if fault and fault.done:
                self._misbehave(fault, lambda: None)
            elif kind == "results":
                self._stream(answer, fault)
            else:
                self._send(status, answer)
        except Refused as refused:
            wrong_key = str(refused) == "invalid x-api-key"
            kind = "authentication_error" if wrong_key else "invalid_request_error"
            self._send(401 if wrong_key else 400, error(kind, str(refused)))
        except KeyError as missing:
            self._send(404, error("not_found_error", f"{missing} is not known"))
        except OSError:
            self.close_connection = True  # the client is gone

    def _kind(self, path: str) -> tuple[str, str]:
        parts = path.strip("/").split("/")
        if parts[:3] == ["v1", "messages", "batches"]:
            if len(parts) == 3:
                return ("create" if self.command == "POST" else "list"), ""
            return (parts[4] if len(parts) > 4 else "retrieve"), parts[3]
        return parts[2] if len(parts) > 2 else parts[1], ""

    def _check_headers(self, has_body: bool) -> None:
        require(self.headers.get("authorization") == f"Bearer {KEY}", "invalid x-api-key")
        require("anthropic-version" in self.headers, "anthropic-version: header is required")
        if has_body:
            require(self.headers.get("content-type") == "application/json", "content-type must be application/json")

    def _do(self, kind: str, identity: str, query: str, raw: bytes) -> tuple[int, Any]:
        stand_in = self.server.stand_in
        body = orjson.loads(raw) if raw else {}
        if kind == "create":
            return 200, stand_in.shown(stand_in.create(stand_in.entries(body)))
        if kind == "messages":
            asked = stand_in.understood(body)
            with stand_in.lock:
                message = stand_in.message(asked)
                stand_in.bills.append(Bill(plain_key(asked["messages"]), None, message["usage"]))
            return 200, message
        if kind == "count_tokens":
            return 200, {"input_tokens": len(raw) // 4}
        if kind == "list":
            return 200, self._page(parse_qs(query))
        batch = stand_in.batches[identity]
        if kind == "cancel":
            batch.cancelled = True
        if kind == "results":
            require(batch.results is not None, "the batch has not ended")
            return 200, batch.results
        stand_in.look(batch)
        return 200, stand_in.shown(batch)

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        stand_in = self.server.stand_in
        newest = list(stand_in.batches.values())[::-1]
        if "after_id" in query:
            ids = [batch.id for batch in newest]
            newest = newest[ids.index(query["after_id"][0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = newest[:limit]
        for batch in page:
            stand_in.look(batch)
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        return {"data": [stand_in.shown(batch) for batch in page], "has_more": len(newest) > limit, **ends}

    def _misbehave(self, fault: Fault, do: Callable[[], Any]) -> None:
        if fault.status:
            kinds = {429: "rate_limit_error", 529: "overloaded_error"}
            extra = {"retry-after": fault.retry_after} if fault.retry_after else {}
            self._send(fault.status, error(kinds.get(fault.status, "api_error"), "as scripted"), extra)
            return
        if fault.late_s:
            threading.Timer(fault.late_s, do).start()
        if fault.stall_s:
            self.server.closing.wait(fault.stall_s)
        if fault.cut:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "msg')
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, answer: Any, extra: dict[str, str] | None = None) -> None:
        content = orjson.dumps(answer)
        self.send_response(status)
        for name, value in {"content-type": "application/json", "request-id": "req_1", **(extra or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, results: list[dict[str, Any]], fault: Fault | None) -> None:
        """JSON Lines, in chunks that end where they like."""
        stand_in = self.server.stand_in
        lines = [orjson.dumps(result) + b"\n" for result in results]
        with stand_in.lock:
            if stand_in.short_results and len(lines) > 1:
                stand_in.short_results -= 1
                lines.pop()
        self.send_response(200)
        self.send_header("content-type", "application/x-jsonl")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, line in enumerate(lines, start=1):
            middle = len(line) // 2
            for piece in (line[:middle], line[middle:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if fault and fault.lines == number:
                    self._hang_up()
                    return
            stand_in.watch("result line")
        self.wfile.write(b"0\r\n\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        if not isinstance(sys.exception(), OSError):  # clients are killed, that is the purpose
            super().handle_error(request, client_address)


@contextmanager
def serving(stand_in: StandIn) -> Iterator[StandIn]:
    """Serve until the block ends."""
    server = _Server(stand_in)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
