"""Programs on their way to the lamp itself, which may be away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from stages.device import session
from stages.device.serving.delivering import Courier
from stages.device.serving.service import ServiceSettings
from tests.device.serving.harness import PATIENCE_S, Held, program, served


class Lamp(HTTPServer):
    """A lamp that refuses what comes first, `refusing` times."""

    def __init__(self, refusing: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusing, self.taken, self.asked = refusing, [], 0
        self.came = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/program"

    taken: list[Any]

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.taken) >= count, PATIENCE_S)


class _Handler(BaseHTTPRequestHandler):
    server: Lamp

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.came:
            self.server.asked += 1
            refused = self.server.asked <= self.server.refusing
            if not refused:
                self.server.taken.append(body)
            self.server.came.notify_all()
        self.send_response(503 if refused else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def lamp() -> Iterator[Lamp]:
    lamp = Lamp()
    yield lamp
    lamp.shutdown()
    lamp.server_close()


def test_each_program_of_the_service_comes_to_the_lamp(lamp: Lamp, tmp_path: Path) -> None:
    held = Held(tmp_path / "model.gguf")
    held.go.set()
    with served(held, ServiceSettings(lamp=lamp.url)) as site:
        site.ask("a heart")
        lamp.wait_for(1)
        site.post("/stop")
        lamp.wait_for(2)
    assert lamp.taken[0] == program("a heart")
    assert lamp.taken[1]["program"]["steps"][0]["command"] == {"type": "stop"}


def test_a_lamp_that_is_away_delays_no_answer_and_shows_in_the_state(tmp_path: Path) -> None:
    held = Held(tmp_path / "model.gguf")
    held.go.set()
    with served(held, ServiceSettings(lamp="http://127.0.0.1:9/program")) as site:
        assert site.ask("a heart").status == 200
        while (told := site.send("/state").json["lamp"])["at"] is None:
            pass
        assert "the lamp did not take the program" in told["error"]
        assert site.ask("a star").status == 200


def test_what_the_lamp_refuses_is_sent_once_more(lamp: Lamp) -> None:
    lamp.refusing = 1
    courier = Courier(lamp.url, None, again_s=0.01)
    courier.take(program("a heart"))
    lamp.wait_for(1)
    courier.close()
    assert lamp.asked == 2 and courier.last is not None and courier.last.error is None


def test_it_is_not_sent_a_third_time(lamp: Lamp) -> None:
    lamp.refusing = 9
    courier = Courier(lamp.url, None, again_s=0.01)
    courier.take(program("a heart"))
    with lamp.came:
        assert lamp.came.wait_for(lambda: lamp.asked == 2, PATIENCE_S)
    courier.close()
    assert lamp.asked == 2 and courier.last is not None
    assert courier.last.error is not None and "503" in courier.last.error


def test_what_is_overtaken_is_left_out_and_the_last_one_arrives(lamp: Lamp) -> None:
    lamp.refusing = 1
    courier = Courier(lamp.url, None, again_s=PATIENCE_S)
    courier.take(program("first"))
    with lamp.came:
        assert lamp.came.wait_for(lambda: lamp.asked == 1, PATIENCE_S)
    for name in ("second", "third", "last"):
        courier.take(program(name))
    courier.close(PATIENCE_S)
    assert lamp.taken[-1] == program("last")
    assert program("first") not in lamp.taken


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(lamp: Lamp, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    courier = Courier(lamp.url, tmp_path / "file" / "running.json", again_s=0.01)
    courier.take(program("a heart"))
    lamp.wait_for(1)
    courier.close()


def test_the_last_program_is_remembered(tmp_path: Path) -> None:
    courier = Courier(None, tmp_path / "running.json")
    courier.take(program("first"))
    courier.take(program("last"))
    courier.close(PATIENCE_S)
    assert session.remembered(tmp_path / "running.json") == program("last")
