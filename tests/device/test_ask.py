"""`lampforge ask`: a request becomes a program, shown, written or sent to the lamp."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stages.device.ask import ask
from stages.lamp import validation

Ask = Callable[..., Result]


@pytest.fixture
def said(lamp_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments: str, **more: Any) -> Result:
        fixed = ["--model", str(lamp_gguf), "--threads", "1", "--state", str(tmp_path / "running.json")]
        return CliRunner().invoke(ask, [*arguments, *fixed], **more)

    return run


def replies(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def lamp() -> Iterator[tuple[str, list[bytes]]]:
    """The lamp's own HTTP endpoint, and the bodies that it was sent; it takes programs at /program alone."""
    received: list[bytes] = []

    class Lamp(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200 if self.path == "/program" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Lamp)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_into_a_pipe_the_reply_is_json(said: Ask, taught_answers: dict[str, str]) -> None:
    (reply,) = replies(said("a red dot"))
    assert {"program": reply["program"]} == validation.parse(taught_answers["a red dot"])
    assert (reply["source"], reply["changed"], reply["remarks"]) == ("model", False, [])


def test_requests_are_read_from_standard_input_with_the_model_loaded_once(said: Ask) -> None:
    found = replies(said("-", input="red\n\n a green dot \n"))
    assert [reply["program"]["name"] for reply in found] == ["red", "green dot"]


def test_the_running_program_is_remembered_and_can_be_changed(said: Ask) -> None:
    replies(said("red"))
    assert replies(said("slower", "--change"))[0]["changed"]
    assert not replies(said("slower", "--new"))[0]["changed"]


def test_a_request_cannot_be_both(said: Ask) -> None:
    result = said("red", "--new", "--change")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_the_program_is_sent_to_the_lamp(
    said: Ask, lamp: tuple[str, list[bytes]], taught_answers: dict[str, str]
) -> None:
    url, received = lamp
    replies(said("red", "--lamp", f"{url}/program"))
    assert received == [taught_answers["red"].encode()]


@pytest.mark.parametrize("where", ["{url}/elsewhere", "http://127.0.0.1:1/program", "no address"])
def test_a_lamp_that_does_not_take_it_is_one_line(said: Ask, lamp: tuple[str, list[bytes]], where: str) -> None:
    result = said("red", "--lamp", where.format(url=lamp[0]))
    assert result.exit_code == 2
    assert "the lamp did not take the program" in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_such_file_is_one_line(said: Ask, tmp_path: Path) -> None:
    result = CliRunner().invoke(ask, ["red", "--model", str(tmp_path / "none.gguf")])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_in_a_terminal_the_lamp_is_drawn(said: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.device.ask._people_watch", lambda: True)
    result = said("red")
    assert result.exit_code == 0
    assert "red: 1 step, never ends" in result.output
