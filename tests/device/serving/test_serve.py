"""`lampforge serve` as a process: what it takes, how it ends, how systemd runs it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from stages.device.serving.serve import serve, unit
from tests.device.conftest import TinyModel
from tests.device.serving.harness import PATIENCE_S, asked_as_trained

ROOT = Path(__file__).parents[3]
TOKEN = "correct horse battery"
ADDRESS = re.compile(r"the lamp listens on http://127\.0\.0\.1:(\d+)/\n")


@pytest.fixture(scope="module")
def model(taught_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asked_as_trained(taught_model, tmp_path_factory.mktemp("served"))


class Process:
    """A service of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        found = ADDRESS.fullmatch(line)
        assert found, (line, process.communicate(timeout=PATIENCE_S))
        self.port = int(found[1])

    def ask(self, request: str, connection: http.client.HTTPConnection | None = None) -> tuple[int, Any]:
        to = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        to.request("POST", "/program", json.dumps({"request": request}), {"content-type": "application/json"})
        answer = to.getresponse()
        return answer.status, json.loads(answer.read())

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(model: Path, home: Path, *options: str, **environ: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "stages.cli", "serve", "--port", "0", "--model", str(model)]
    command += ["--state", str(home / "running.json"), *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "HOME": str(home), **environ}, **pipes)
    try:
        yield Process(process)
    finally:
        process.kill()
        process.communicate()


def failed(*arguments: str, **environ: str) -> str:
    """The one line with which a call is refused."""
    result: Result = CliRunner(env={"LAMPFORGE_TOKEN": "", **environ}).invoke(serve, arguments)
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.output
    return lines[0]


# What is refused at the start -------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "lamp.local"])
def test_another_address_than_loopback_needs_a_token(host: str) -> None:
    assert "a token is needed; for example LAMPFORGE_TOKEN=" in failed("--host", host)


@pytest.mark.parametrize("token", ["short", "ein schönes Geheimnis"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    assert "the token: it needs 12 or more letters" in failed("--host", "0.0.0.0", LAMPFORGE_TOKEN=token)
    assert "the token: it needs 12 or more letters" in failed("--token", token)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rate", "many"], "--rate many: no rate; write it as 60/minute"),
        (["--lamp", "lamp.local"], "--lamp lamp.local: no address; it begins with http:// or https://"),
        (["--port", "0", "--model", "none.gguf"], "none.gguf"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    assert line in failed(*arguments)


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1, port {port}" in failed("--port", port, "--model", "none.gguf")


# The process ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_with_exit_code_0_when_it_is_told_to(model: Path, tmp_path: Path, number: int) -> None:
    with running(model, tmp_path) as service:
        status, reply = service.ask("red")
        assert status == 200 and reply["source"] == "model"
        with connect(f"ws://127.0.0.1:{service.port}/frames") as watching:
            watching.recv()
            assert service.end(number) == 0
            with pytest.raises(ConnectionClosed):
                while True:
                    watching.recv(PATIENCE_S)
        assert service.process.stderr is not None and service.process.stderr.read() == ""


def test_systemd_hears_that_it_is_ready_lives_and_stops(model: Path, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(PATIENCE_S)
        with running(model, tmp_path, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="2000000") as service:
            assert [systemd.recv(100) for _ in range(2)] in (
                [b"READY=1", b"WATCHDOG=1"],
                [b"WATCHDOG=1", b"READY=1"],
            )
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert service.end() == 0
            told = systemd.recv(100)
            assert told == b"STOPPING=1" or systemd.recv(100) == b"STOPPING=1"


def test_the_token_of_the_environment_is_asked_for(model: Path, tmp_path: Path) -> None:
    with running(model, tmp_path, "--host", "127.0.0.1", LAMPFORGE_TOKEN=TOKEN) as service:
        assert service.ask("red")[0] == 401


# systemd ----------------------------------------------------------------------------------------------------


def test_the_unit_is_printed_for_this_installation() -> None:
    result = CliRunner().invoke(serve, ["--systemd-unit"])
    assert result.exit_code == 0
    assert "@@" not in result.stdout and "NoNewPrivileges=true" in result.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here to read the unit")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    command = tmp_path / "lampforge"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    path = tmp_path / "lampforge.service"
    path.write_text(unit(command, "root", tmp_path))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    about_it = [line for line in done.stderr.splitlines() if "lampforge" in line]
    assert about_it == []


# For a minute -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fifty_clients_for_a_minute_get_answers_or_429_and_memory_does_not_grow(model: Path, tmp_path: Path) -> None:
    with running(model, tmp_path) as service:
        statuses: dict[int, int] = {}
        ended = threading.Event()
        counting = threading.Lock()

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
            while not ended.is_set():
                status, _ = service.ask("a red dot", connection)
                with counting:
                    statuses[status] = statuses.get(status, 0) + 1

        memory = psutil.Process(service.process.pid)
        crowd = [threading.Thread(target=client) for _ in range(50)]
        for one in crowd:
            one.start()
        time.sleep(10)
        before = memory.memory_info().rss
        time.sleep(50)
        after = memory.memory_info().rss
        ended.set()
        for one in crowd:
            one.join(PATIENCE_S)
        print(f"{statuses}, {before / 1e6:.1f} MB after 10 s, {after / 1e6:.1f} MB after 60 s")
        assert set(statuses) <= {200, 429} and statuses[200] > 100
        assert after <= 1.05 * before
        assert service.end() == 0
