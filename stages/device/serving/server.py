"""uvicorn, for a place where clients are slow, vanish, or wish us ill, and where systemd wants to know how we are.

Comes in: an application and a listening socket. Goes out: answers, until SIGTERM or SIGINT.
Always holds: a connection that has not sent a whole header in 10 s is closed with 408; one that is over is gone after
10 s more, whatever its client does; at the end the answer that is being made is finished, what waits is refused.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ...errors import UserError

HEADER_S = 10.0
_LINGER_S = 10.0
# Beyond this a client is told 503 before anything is read of it. WebSockets count, too.
MOST_CONNECTIONS = 128
# The longest answer of a large model that is worth waiting for at the end.
_FINISH_S = 60
# A frame has 516 bytes: this much of them waits for a slow client, no more.
_WAITING_BYTES = 16 << 10
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Http(H11Protocol):
    """HTTP/1.1 with a time limit for the header, which uvicorn does not have."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_WAITING_BYTES)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._clear()

    def handle_websocket_upgrade(self, event: Any) -> None:
        super().handle_websocket_upgrade(event)
        self._clear()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(_LINGER_S, self.transport.abort)

    def _watch(self) -> None:
        """Begin to count while no request is being answered; keep-alive has its own limit until the next one begins."""
        answering = self.cycle is not None and not self.cycle.response_complete
        waiting = self.timeout_keep_alive_task is not None or isinstance(
            self.transport.get_protocol(), WebSocketsSansIOProtocol
        )
        if answering or waiting:
            self._clear()
        elif self._limit is None:
            self._limit = self.loop.call_later(HEADER_S, self._too_slow)

    def _clear(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _too_slow(self) -> None:
        if self.cycle is None:
            self.transport.write(_TOO_SLOW)
        self.transport.close()
        self.loop.call_later(_LINGER_S, self.transport.abort)


class _WebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose connection is gone for certain when it is over."""

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(_LINGER_S, self.transport.abort)


class Server(uvicorn.Server):
    """A server for `app`. started_up, ending: called when it listens, and when it shall end; beat: every `beat_s`."""

    def __init__(
        self,
        app: Any,
        started_up: Callable[[], None],
        ending: Callable[[], None],
        beat: Callable[[], None],
        beat_s: float,
    ) -> None:
        async def notified() -> None:
            beat()

        super().__init__(
            uvicorn.Config(
                app,
                http=_Http,
                ws=_WebSocket,
                loop="asyncio",
                lifespan="on",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=20,
                timeout_graceful_shutdown=_FINISH_S,
                h11_max_incomplete_event_size=16 << 10,
                ws_max_size=4 << 10,
                ws_per_message_deflate=False,  # costs more time than 516 bytes
                callback_notify=notified if beat_s else None,
                timeout_notify=max(1, int(beat_s)),
            )
        )
        self._started_up, self._ending = started_up, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._started_up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, finish what was begun."""
        self._ending()
        await super().shutdown(sockets)

    def run_until_told(self, listening: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT; a second SIGINT does not wait for answers."""
        # uvicorn raises the signal again when it is done, and to end so is what the signal asked for: exit code 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.run([listening])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a port that is taken is known before a model is loaded. Raises UserError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # With the protocol named, asyncio sends at once; else each answer waits 40 ms for the client's acknowledgement.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What the kernel holds for a slow client is as old as it is long.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _WAITING_BYTES)
        listening.bind(address)
    except OSError as error:
        remedy = "choose other values of --host and --port"
        raise UserError(
            f"cannot listen on {host}, port {port} ({(error.strerror or str(error)).lower()}); {remedy}"
        ) from None
    return listening


def notify(state: str) -> None:
    """Tell systemd, where it asked for it: "READY=1", "WATCHDOG=1", "STOPPING=1" (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(state.encode(), address)


def watchdog_s() -> float:
    """How often systemd wants to hear of us, in seconds, halved as it advises; 0 where it does not."""
    return int(os.environ.get("WATCHDOG_USEC") or 0) / 2e6
