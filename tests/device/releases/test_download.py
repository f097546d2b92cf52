"""A download over a bad connection: every byte once and in its order, or one line that says why not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from random import Random
from typing import Any

import httpx
import pytest

from stages.device.releases.download import Download
from stages.errors import UserError
from tests.device.releases import making

DATA = Random(1).randbytes(3_000_000)


def read_all(url: str, waits: Sequence[float] = (0.0, 0.0, 0.0), **options: Any) -> bytes:
    blocks = []
    with Download(url, waits=waits, **options) as download:
        while block := download.read(70_000):
            blocks.append(block)
    return b"".join(blocks)


def refused(url: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read_all(url, **options)
    return str(caught.value)


def test_the_bytes_come_in_one_go_when_nothing_is_wrong() -> None:
    seen: list[tuple[int, int | None]] = []
    with making.shop(DATA, making.whole) as shop:
        assert read_all(shop.url, progress=lambda came, total: seen.append((came, total))) == DATA
    assert shop.ranges == [None]
    assert seen[-1] == (len(DATA), len(DATA))


def test_a_cut_connection_is_taken_up_again_where_it_broke() -> None:
    with making.shop(DATA, making.cut(1_000_001), making.cut(10), making.whole) as shop:
        assert read_all(shop.url) == DATA
    assert shop.ranges == [None, "bytes=1000001-", "bytes=1000011-"]


def test_a_connection_that_is_reset_is_taken_up_again() -> None:
    with making.shop(DATA, making.cut(1_500_000, reset=True), making.whole) as shop:
        assert read_all(shop.url) == DATA


def test_a_server_that_begins_anew_is_not_believed_to_go_on() -> None:
    with making.shop(DATA, making.cut(2_000_000), making.without_range) as shop:
        assert read_all(shop.url) == DATA


def test_a_busy_server_is_asked_again() -> None:
    steps = (making.says(503), making.says(429), making.says(500), making.whole)
    with making.shop(DATA, *steps) as shop:
        assert read_all(shop.url) == DATA


def test_a_server_that_stays_busy_is_given_up() -> None:
    with making.shop(DATA, making.says(503)) as shop:
        assert "503 Service Unavailable, after 4 tries; try again later" in refused(shop.url)
    assert len(shop.ranges) == 4


def test_a_connection_that_never_gets_anywhere_is_given_up() -> None:
    with making.shop(DATA, making.cut(100)) as shop:
        assert "after 0.0 MB and 4 tries" in refused(shop.url)
    assert len(shop.ranges) == 4


def test_a_connection_that_gets_on_between_its_breaks_is_not_given_up() -> None:
    data = DATA * 3
    with making.shop(data, making.cut(1 << 20)) as shop:
        assert read_all(shop.url) == data
    assert len(shop.ranges) == 9


def test_the_waits_are_those_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("stages.device.releases.download.time.sleep", waited.append)
    with making.shop(DATA, making.says(503)) as shop:
        refused(shop.url, waits=(1.0, 2.0, 4.0))
    assert waited == [1.0, 2.0, 4.0]


def test_a_file_that_changed_its_length_meanwhile_is_refused() -> None:
    with making.shop(DATA, making.cut(1000), making.other(DATA + b"more")) as shop:
        assert "the file was changed while it came; run the same command again" in refused(shop.url)


def test_a_file_that_became_shorter_meanwhile_is_refused() -> None:
    with making.shop(DATA, making.cut(2_000_000), making.other(DATA[:1000])) as shop:
        assert "the file was changed while it came" in refused(shop.url)


def test_a_part_from_another_place_is_refused() -> None:
    def elsewhere(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        headers = {"Content-Length": 5, "Content-Range": f"bytes 7-11/{len(data)}"}
        making._headers(handler, 206, headers)
        handler.wfile.write(data[7:12])

    with making.shop(DATA, making.cut(1000), elsewhere) as shop:
        assert "the file was changed while it came" in refused(shop.url)


def test_a_part_without_a_place_is_refused() -> None:
    with making.shop(DATA, making.cut(1000), making.says(206)) as shop:
        assert "the file was changed while it came" in refused(shop.url)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 304])
def test_a_refusal_is_final(status: int) -> None:
    with making.shop(DATA, making.says(status)) as shop:
        assert f"the server answers {status}" in refused(shop.url)
    assert len(shop.ranges) == 1


def test_what_is_too_large_by_its_own_account_is_not_begun() -> None:
    with making.shop(DATA, making.whole) as shop:
        assert "3.0 MB, and 2.0 MB are allowed; raise --limit" in refused(shop.url, limit=2_000_000)
        assert read_all(shop.url, limit=len(DATA)) == DATA


def test_what_turns_out_too_large_is_cut_short() -> None:
    def endless(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        making._headers(handler, 200, {"Transfer-Encoding": "chunked"})
        while True:
            handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    with making.shop(DATA, endless) as shop:
        assert "more than the 2.0 MB that are allowed" in refused(shop.url, limit=2_000_000)


@pytest.mark.parametrize("claimed", ["-5", "ten", "1, 2"])
def test_a_length_that_is_no_number_is_no_answer(claimed: str) -> None:
    with making.shop(DATA, making.length(claimed)) as shop:
        assert "tries; try again later" in refused(shop.url)


def test_what_is_no_http_is_no_answer() -> None:
    with making.shop(DATA, making.raw(b"SSH-2.0-OpenSSH_9.2\r\n")) as shop:
        assert "tries; try again later" in refused(shop.url)


def test_a_server_that_says_nothing_is_not_waited_for_forever() -> None:
    said_enough = threading.Event()
    with making.shop(DATA, lambda *_: said_enough.wait(10) and None) as shop:
        line = refused(shop.url, timeout=httpx.Timeout(0.05), waits=())
        said_enough.set()
    assert "timed out, after 1 tries" in line


def test_nobody_at_home_costs_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        line = refused(f"http://127.0.0.1:{free.getsockname()[1]}/x.tar")
    assert "after 4 tries; try again later" in line
    assert "\n" not in line


def test_a_redirect_is_followed() -> None:
    with (
        making.shop(DATA, making.whole) as there,
        making.shop(b"", making.says(302, Location=there.url)) as here,
    ):
        assert read_all(here.url) == DATA


def test_a_redirect_in_a_circle_costs_one_line() -> None:
    with making.shop(b"", making.says(302, Location="/x")) as shop:
        assert "redirects; correct the address" in refused(shop.url)


def test_secrets_in_the_address_are_not_shown() -> None:
    with making.shop(b"", making.says(403)) as shop:
        url = shop.url.replace("http://", "http://me:password@") + "?signature=secret"
        line = refused(url)
    assert "lamp-nano" in line
    assert "password" not in line
    assert "secret" not in line


def test_an_address_that_is_none_costs_one_line() -> None:
    assert "correct the address" in refused("http://lamp:eighty/x.tar")
