"""Who may ask, how much, and how fast."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from pathlib import Path

import limits
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stages.device.serving import guarding
from stages.device.serving.guarding import Rules
from stages.device.serving.service import ServiceSettings
from tests.device.serving.harness import Held, Site, served

TOKEN = "correct horse battery"


@pytest.fixture
def held(tmp_path: Path) -> Held:
    held = Held(tmp_path / "model.gguf")
    held.model.touch()
    held.go.set()
    return held


@pytest.fixture
def site(held: Held) -> Iterator[Site]:
    with served(held) as running:
        yield running


@pytest.fixture
def locked(held: Held) -> Iterator[Site]:
    with served(held, ServiceSettings(Rules(TOKEN, only_loopback=False))) as running:
        yield running


# Bodies -----------------------------------------------------------------------------------------------------


def test_ten_megabytes_are_refused_and_the_connection_can_be_used_again(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    headers = {"content-type": "application/json"}
    connection.request("POST", "/program", b"x" * 10_000_000, headers)
    answer = connection.getresponse()
    assert answer.status == 413 and b"64 KB" in answer.read()
    connection.request("POST", "/program", b'{"request": "red"}', headers)
    assert connection.getresponse().status == 200


def test_a_body_whose_length_is_not_told_is_refused_when_it_becomes_too_long(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    pieces = (b"x" * 1000 for _ in range(200))
    connection.request("POST", "/program", pieces, {"content-type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413


def test_a_body_that_trickles_in_is_given_up(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "_BODY_S", 0.1)
    with served(held) as site, site.connection() as slow:
        slow.sendall(b"POST /program HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        answer = b"".join(iter(lambda: slow.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ") and b"did not come within" in answer


# Other pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8172", "localhost.evil.example", "192.168.1.7", ""])
def test_another_name_for_this_machine_is_refused_where_it_listens_on_loopback(site: Site, host: str) -> None:
    answer = site.send("/state", host=host)
    assert answer.status == 421 and "ask for it as localhost" in answer.error


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8172", "127.0.0.1:1", "127.8.9.1", "[::1]", "[::1]:8172"])
def test_every_name_of_loopback_is_taken(site: Site, host: str) -> None:
    assert site.send("/state", host=host).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_page_of_another_site_cannot_command_the_lamp(site: Site, origin: str) -> None:
    assert site.post("/stop", origin=origin).status == 403
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{site.port}/frames", origin=origin)  # type: ignore[arg-type]


def test_its_own_page_may(site: Site) -> None:
    assert site.post("/stop", origin=site.address).status == 200


def test_every_answer_forbids_the_browser_all_that_the_page_does_not_need(site: Site) -> None:
    for answer in (
        site.send("/"),
        site.send("/state"),
        site.send("/nothing"),
        site.send("/state", host="evil.example"),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


# Tokens -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/state", "/openapi.json", "/frames", "/lamp_page", "/nothing"])
def test_nothing_is_told_without_the_token(locked: Site, path: str) -> None:
    answer = locked.send(path)
    assert answer.status == 401 and "Authorization: Bearer" in answer.error
    assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.send(path, authorization="Bearer wrong").error == "this token is wrong"
    assert locked.send(path, authorization=f"Basic {TOKEN}").status == 401


def test_the_token_opens_all(locked: Site) -> None:
    authorization = f"Bearer {TOKEN}"
    assert locked.send("/state", authorization=authorization).status == 200
    assert locked.post("/program", {"request": "red"}, authorization=authorization).status == 200
    with connect(f"ws://127.0.0.1:{locked.port}/frames", additional_headers={"authorization": authorization}) as socket:
        assert len(socket.recv()) == 516


def test_a_browsers_websocket_offers_the_token_as_a_subprotocol(locked: Site) -> None:
    address = f"ws://127.0.0.1:{locked.port}/frames"
    offer = "bearer." + base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    with connect(address, subprotocols=["lampforge", offer]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "lampforge"
        assert len(socket.recv()) == 516
    for wrong in (["lampforge"], ["lampforge", "bearer.d3Jvbmc"], ["lampforge", "bearer.a"]):
        with pytest.raises(InvalidStatus, match="401"):
            connect(address, subprotocols=wrong)  # type: ignore[arg-type]


def test_the_page_and_the_health_need_no_token(locked: Site) -> None:
    for path in ("/", "/lamp_page/page.js", "/healthz"):
        assert locked.send(path).status == 200


# Rates ------------------------------------------------------------------------------------------------------


def test_more_requests_than_the_rate_are_429_while_all_else_goes_on(held: Held) -> None:
    with served(held, ServiceSettings(Rules(rate=limits.parse("2/minute")))) as site:
        assert [site.ask("red").status for _ in range(2)] == [200, 200]
        refused = site.ask("red")
        assert refused.status == 429 and refused.error == "more than 2 requests in 60 s; wait a little"
        assert refused.headers["retry-after"] == "60"
        assert site.send("/state").status == site.post("/stop").status == 200


def test_this_machine_has_no_rate_unless_one_is_given(site: Site) -> None:
    assert {site.ask("red").status for _ in range(70)} == {200}


def test_who_guesses_tokens_is_slowed_down(held: Held) -> None:
    with served(held, ServiceSettings(Rules(TOKEN, rate=limits.parse("3/minute")))) as site:
        statuses = [site.send("/state", authorization=f"Bearer guess{number}").status for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.168.1.7", "192.168.1.7", True),
        ("192.168.1.7", "192.168.1.8", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(one: str, other: str, same: bool) -> None:
    assert (guarding._network(one) == guarding._network(other)) == same
