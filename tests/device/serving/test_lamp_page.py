"""The page: what it is made of, and how it behaves in a browser."""

from __future__ import annotations

import fnmatch
import html.parser
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.device.serving.guarding import Rules
from stages.device.serving.page import FOLDER
from stages.device.serving.service import ServiceSettings
from tests.device.serving.browser import CHROMIUM, Tab, browser
from tests.device.serving.harness import Held, Site, served

ROOT = Path(__file__).parents[3]
needs_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to open the page with"),
]


# What it is made of -----------------------------------------------------------------------------------------


class Outside(html.parser.HTMLParser):
    """Collects what a page would fetch, and what it would run or style by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href", "srcset", "action") if key in values]
        self.inline += [key for key in values if key == "style" or key.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in values) else []


def test_the_page_fetches_only_its_own_files_and_its_policy_lets_it_work() -> None:
    found = Outside()
    found.feed((FOLDER / "page.html").read_text())
    assert found.addresses and found.inline == []
    for address in found.addresses:
        assert address.startswith("/lamp_page/") and (FOLDER / Path(address).name).is_file()
    for path in FOLDER.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|//cdn", text), path.name


def test_every_part_of_the_page_is_in_the_wheel() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for path in [*FOLDER.iterdir(), FOLDER.parent / "lampforge.service"]:
        name = path.relative_to(FOLDER.parent).as_posix()
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns["lampforge.device.serving"]), name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_a_script_stays_short_and_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 300 and max(map(len, lines)) <= 120
    assert lines[0].startswith("// ")


def test_every_part_is_served_as_what_it_is_and_nothing_else_is(tmp_path: Path) -> None:
    with served(Held(tmp_path / "model.gguf")) as site:
        for path in FOLDER.iterdir():
            answer = site.send(f"/lamp_page/{path.name}")
            assert answer.body == path.read_bytes()
        assert site.send("/").headers["content-type"] == "text/html; charset=utf-8"
        assert site.send("/lamp_page/page.js").headers["content-type"].startswith("text/javascript")
        for other in ("../service.py", "%2e%2e/service.py", "nothing.js"):
            assert site.send(f"/lamp_page/{other}").status == 404


# In a browser -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


class SaysChange:
    """Takes "slower" for a change, as the decider would."""

    def changes(self, request: str, running: object) -> bool:
        return request == "slower"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    held = Held(tmp_path / "model.gguf")
    held.model.touch()
    held.go.set()
    with served(held, None, SaysChange()) as running:
        yield running


def pictures(tmp_path: Path) -> Path:
    """Where screenshots are kept: a folder of the caller's, to be looked at, or the test's own."""
    return Path(os.environ.get("LAMPFORGE_TEST_ARTIFACTS") or tmp_path)


def opened(tab: Tab, site: Site, width: int = 1280, height: int = 800, dark: bool = True, calm: bool = False) -> None:
    tab.said.clear()
    tab.show(site.address + "/", width, height, dark, calm)
    tab.wait_for("document.getElementById('since')?.textContent.match(/^(tell|since|for)/) !== null")


def said(tab: Tab, request: str) -> None:
    tab.evaluate("document.getElementById('wish').focus()")
    tab.write(request)
    tab.press("Enter")
    answered(tab, request)


def answered(tab: Tab, request: str) -> None:
    tab.wait_for(f"document.querySelector('#said .now .request')?.textContent === {request!r}")
    tab.wait_for("!document.querySelector('.busy')")


def hint(tab: Tab) -> str:
    return str(tab.evaluate("document.getElementById('hint').innerText"))


def levels_at_the_middle(tab: Tab) -> list[int]:
    """Red, green, blue of the lamp's middle as it is drawn."""
    spot = "const s = document.getElementById('spot').getBoundingClientRect(), c = document.getElementById('room');"
    place = "const k = c.width / c.clientWidth, x = (s.left + s.width / 2) * k - 4, y = (s.top + s.height / 2) * k;"
    script = f"(() => {{ {spot} {place} return [...c.getContext('2d').getImageData(x - 8, y, 1, 1).data]; }})()"
    return list(tab.evaluate(script))[:3]


def complaints(tab: Tab) -> list[str]:
    """Errors on the console; the browser's advice about how this test reads pixels is none."""
    return [line for line in tab.said if '"level": "error"' in line or "exceptionDetails" in line]


class TestInABrowser:
    pytestmark = needs_browser

    def test_a_request_lights_the_lamp_and_stands_in_the_history_with_a_picture(
        self, tab: Tab, site: Site, tmp_path: Path
    ) -> None:
        opened(tab, site)
        assert max(levels_at_the_middle(tab)) < 60
        assert tab.evaluate("!document.getElementById('examples').hidden")
        said(tab, "red")
        tab.wait_for("getComputedStyle(document.documentElement).getPropertyValue('--glow') === 'rgb(255 0 0)'")
        red, green, blue = levels_at_the_middle(tab)
        assert red > 120 and red > 2 * green and red > 2 * blue
        assert tab.evaluate("document.getElementById('room').ariaLabel || room.getAttribute('aria-label')") == (
            "The lamp shows: Red"
        )
        assert tab.evaluate("document.getElementById('wish').value") == ""
        still = (
            "[...document.querySelector('#said canvas').getContext('2d').getImageData(27, 36, 1, 1).data].slice(0, 3)"
        )
        assert tab.evaluate(still)[0] > 200
        tab.picture(pictures(tmp_path) / "lamp-page.png")
        assert complaints(tab) == []

    def test_what_the_lamp_decided_can_be_turned_round_in_one_click(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        said(tab, "red")
        assert hint(tab).strip() == "Now: Red."
        said(tab, "slower")
        assert "Changed what ran: Slower." in hint(tab) and "No, start anew" in hint(tab)
        tab.evaluate("document.getElementById('correct').click()")
        tab.wait_for("document.getElementById('hint').innerText.includes('Now: Slower.')")
        assert "No, change what ran" in hint(tab)
        requests = [one["request"] for one in site.send("/state").json["history"]]
        assert requests == ["red", "slower"]

    def test_arrow_keys_go_through_what_was_said_and_escape_clears(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        said(tab, "first")
        said(tab, "second")
        value = "document.getElementById('wish').value"
        tab.write("dra")
        seen = []
        for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"):
            tab.press(key)
            seen.append(tab.evaluate(value))
        assert seen == ["second", "first", "first", "second", "dra"]
        tab.press("Escape")
        assert tab.evaluate(value) == ""

    def test_a_click_on_what_was_said_says_it_again(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        said(tab, "first")
        said(tab, "second")
        tab.evaluate("document.querySelector('#said li:last-child button').click()")
        answered(tab, "first")
        assert [one["request"] for one in site.send("/state").json["history"]] == ["first", "second", "first"]

    def test_lights_off_is_one_click_and_others_see_it(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        said(tab, "red")
        tab.evaluate("document.getElementById('off').click()")
        tab.wait_for("document.getElementById('name').textContent === 'Lights off'")
        site.ask("from somebody else")
        tab.wait_for("document.getElementById('name').textContent === 'From somebody else'")

    @pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (844, 390), (768, 1024), (1440, 900)])
    @pytest.mark.parametrize("dark", [True, False])
    def test_it_fits_every_window_and_fingers_hit_what_they_mean(
        self, tab: Tab, site: Site, tmp_path: Path, width: int, height: int, dark: bool
    ) -> None:
        opened(tab, site, width, height, dark)
        said(tab, "a request that is rather long, with a great many words in it, as people say them")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        small = """[...document.querySelectorAll('button, input')].map((one) => one.getBoundingClientRect())
            .filter(({width, height}) => width > 0 && (width < 44 || height < 44)).length"""
        assert tab.evaluate(small) == 0
        kind = tab.evaluate("document.documentElement.dataset.room")
        assert kind == ("dark" if dark else "light")
        tab.picture(pictures(tmp_path) / f"lamp-page-{width}x{height}-{kind}.png")

    def test_every_control_has_a_name_and_what_happens_is_announced(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        said(tab, "red")
        nameless = """[...document.querySelectorAll('button, input')].filter((one) => one.offsetWidth &&
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).length"""
        assert tab.evaluate(nameless) == 0
        assert tab.evaluate("document.getElementById('hintText').getAttribute('aria-live')") == "polite"

    def test_who_wants_little_motion_gets_a_picture_a_second(self, tab: Tab, site: Site) -> None:
        opened(tab, site, calm=True)
        count = """new Promise((done) => { const paint = document.getElementById('room').getContext('2d');
            const draw = paint.drawImage; let count = 0;
            paint.drawImage = function (...all) { count += all[0].id ? 0 : 1; return draw.apply(this, all); };
            setTimeout(() => done(count), 2500); })"""
        site.service.lamp.frame = lambda: os.urandom(516)  # type: ignore[method-assign]
        site.service.watchers._frame = site.service.lamp.frame
        assert tab.evaluate(count) <= 4 * 4  # layers of a picture x pictures

    def test_a_service_that_comes_back_is_found_again(self, tab: Tab, site: Site) -> None:
        opened(tab, site)
        tab.evaluate("""new MutationObserver(() => { window.lost ||= since.textContent.startsWith('connection lost') })
            .observe(since, { childList: true })""")
        for connection in list(site.server.server_state.connections):
            site.server.servers[0].get_loop().call_soon_threadsafe(connection.transport.abort)
        tab.wait_for("window.lost")
        tab.wait_for("document.getElementById('since').textContent.startsWith('tell')")
        said(tab, "red")

    def test_the_token_is_asked_for_once_and_is_in_no_address(self, tab: Tab, tmp_path: Path) -> None:
        held = Held(tmp_path / "model.gguf")
        held.go.set()
        with served(held, ServiceSettings(Rules("correct horse battery"))) as site:
            tab.said.clear()
            tab.show(site.address + "/")
            for token in ("wrong, wrong, wrong", "correct horse battery"):
                tab.wait_for("document.getElementById('ask')?.open")
                tab.evaluate("document.getElementById('token').focus()")
                tab.write(token)
                tab.press("Enter")
                tab.wait_for("!document.getElementById('ask').open || askWhy.textContent.includes('not it')")
            said(tab, "red")
            opened(tab, site)
            assert not tab.evaluate("document.getElementById('ask').open")
            addresses = tab.evaluate("performance.getEntriesByType('resource').map(({name}) => name).join()")
            assert "horse" not in addresses and "bearer" not in addresses
