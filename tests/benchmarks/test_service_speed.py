"""What the service costs: the median answer over HTTP against the bare one, in one run, taking turns.

Needs `make repro` first. Both are asked the same; a program runs and is watched by nobody, as on most evenings.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
import time
from pathlib import Path

import pytest

from stages.device.answering import Answerer, Settings
from tests.device.serving.test_serve import Process, running

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "models" / "gguf" / "lamp-nano-Q4_K_M.gguf"
REQUESTS = ("a red heart", "warm and cosy", "countdown from 10", "a slow rainbow", "sparkles in gold", "traffic light")
ROUNDS = 60
WANTED = 1.2


def served_ms(service: Process, connection: http.client.HTTPConnection, request: str) -> float:
    body = json.dumps({"request": request, "change": False})
    start = time.perf_counter()
    connection.request("POST", "/program", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    took = 1000 * (time.perf_counter() - start)
    assert answer.status == 200
    return took


def bare_ms(answerer: Answerer, request: str) -> float:
    start = time.perf_counter()
    answerer.answer(request)
    return 1000 * (time.perf_counter() - start)


@pytest.mark.skipif(not NANO.exists(), reason="no models/gguf: run `make repro` or `dvc pull` first")
def test_an_answer_over_http_takes_at_most_a_fifth_longer_than_a_bare_one(tmp_path: Path) -> None:
    with running(NANO, tmp_path) as service, Answerer(NANO, Settings()) as answerer:
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        bare: list[float] = []
        served: list[float] = []
        for warm, request in itertools.product((True, *[False] * ROUNDS), REQUESTS):
            one, other = bare_ms(answerer, request), served_ms(service, connection, request)
            if not warm:
                bare.append(one)
                served.append(other)
    ratio = statistics.median(served) / statistics.median(bare)
    medians = f"bare {statistics.median(bare):.2f} ms, served {statistics.median(served):.2f} ms"
    print(f"\n{medians}: {ratio:.2f} times; {len(bare)} answers each")
    assert ratio <= WANTED
