"""Clients that are slow, and what systemd is told."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from stages.device.serving import server as module
from stages.device.serving.server import listen, notify, watchdog_s
from stages.errors import UserError
from tests.device.serving.harness import PATIENCE_S, Held, served


@pytest.fixture
def held(tmp_path: Path) -> Held:
    held = Held(tmp_path / "model.gguf")
    held.go.set()
    return held


def test_an_answer_is_sent_at_once() -> None:
    """asyncio switches Nagle's algorithm off for sockets that name their protocol; it costs 40 ms an answer."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def all_of(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE_S)
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: "])
def test_a_header_that_does_not_come_is_408_and_the_connection_is_closed(
    held: Held, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(module, "HEADER_S", 0.1)
    with served(held) as site, site.connection() as slow:
        slow.sendall(begun)
        assert all_of(slow).startswith(b"HTTP/1.1 408 ")


def test_a_second_header_on_the_same_connection_has_no_more_time(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEADER_S", 0.1)
    with served(held) as site, site.connection() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 ")
        slow.sendall(b"GET /sta")
        start = time.monotonic()
        all_of(slow)
        assert time.monotonic() - start < 10  # the time between two requests would be 20 s


def test_an_answer_may_take_longer_than_a_header(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEADER_S", 0.05)
    held.go.clear()
    with served(held) as site, site.connection() as patient:
        body = b'{"request": "red"}'
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        patient.sendall(b"POST /program HTTP/1.1\r\nhost: localhost\r\n" + head.encode() + body)
        assert held.begun.wait(PATIENCE_S)
        patient.settimeout(0.3)
        with pytest.raises(TimeoutError):
            patient.recv(1)
        held.go.set()
        assert all_of(patient).startswith(b"HTTP/1.1 200 ")


def test_garbage_is_400_and_the_next_client_is_served(held: Held) -> None:
    with served(held) as site:
        with site.connection() as odd:
            odd.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
            assert all_of(odd).startswith(b"HTTP/1.1 400 ")
        assert site.send("/state").status == 200


def test_a_port_that_is_taken_is_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=rf"cannot listen on 127.0.0.1, port {port} \(address already in use\); choose"
        ):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(UserError, match=r"cannot listen on 192\.0\.2\.1, port 0"):
        listen("192.0.2.1", 0)


def test_systemd_is_told_where_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")  # nobody asks
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_the_watchdog_is_fed_twice_as_often_as_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watchdog_s() == 0
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert watchdog_s() == 30
