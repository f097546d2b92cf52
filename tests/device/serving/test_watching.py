"""Those who watch the lamp: in time, skipping what they are too slow for, left when they take nothing."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from stages.device.serving import watching as module
from stages.device.serving.service import ServiceSettings
from tests.device.serving.harness import PATIENCE_S, Held, Site, served

RED = b"\xff\0\0" * 172


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    held = Held(tmp_path / "model.gguf")
    held.go.set()
    with served(held, ServiceSettings()) as running:
        yield running


def watch(site: Site, query: str = "") -> ClientConnection:
    return connect(f"ws://127.0.0.1:{site.port}/frames{query}")


def until_nobody_watches(site: Site) -> None:
    end = time.monotonic() + PATIENCE_S
    while site.service.watchers.count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_frames_come_as_levels_twenty_times_a_second(site: Site) -> None:
    site.ask("red")
    with watch(site) as socket:
        start = time.monotonic()
        frames = [socket.recv() for _ in range(21)]
        took = time.monotonic() - start
    assert set(frames) == {RED}
    assert took >= 0.9  # 20 pauses of 50 ms, the first of which may have begun


def test_a_new_program_is_seen_at_once_by_all(site: Site) -> None:
    with watch(site) as one, watch(site) as other:
        assert one.recv() == other.recv() == bytes(516)
        site.ask("red")
        for socket in (one, other):
            assert any(socket.recv() == RED for _ in range(40))


def test_the_state_comes_with_the_frames_for_who_wants_it_and_only_when_it_changes(site: Site) -> None:
    with watch(site, "?state=true") as socket:
        first = [socket.recv() for _ in range(15)]
        states = [json.loads(message) for message in first if isinstance(message, str)]
        assert [state["running"] for state in states] == [None]
        site.ask("red")
        while not isinstance(message := socket.recv(), str):
            pass
        assert json.loads(message)["running"]["program"]["name"] == "red"
    with watch(site) as socket:
        assert not any(isinstance(socket.recv(), str) for _ in range(5))


def test_who_is_cut_off_or_talks_is_no_trouble(site: Site) -> None:
    with watch(site) as talking:
        for _ in range(5):
            talking.send("hello")
        assert len(talking.recv()) == 516
        cut = watch(site)
        cut.recv()
        cut.socket.shutdown(socket.SHUT_RDWR)
        assert len(talking.recv()) == 516
    until_nobody_watches(site)
    assert site.ask("red").status == 200


def test_who_takes_nothing_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOWEST_S", 0.2)
    monkeypatch.setattr(module, "_TICK_S", 0.0)  # so that it does not take long until nothing more fits in between
    with site.connection() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(
            b"GET /frames HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert deaf.recv(12) == b"HTTP/1.1 101"
        until_nobody_watches(site)


def test_only_so_many_may_watch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WATCHERS", 1)
    with watch(site) as first, watch(site) as second:
        assert len(first.recv()) == 516
        with pytest.raises(Exception, match="1013"):
            second.recv()
        assert len(first.recv()) == 516
