"""`lampforge gallery`: one page that holds everything, of rows of any origin."""

from __future__ import annotations

import base64
import fnmatch
import html.parser
import json
import re
import shutil
import subprocess
import tomllib
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stages.lamp import gallery as module
from stages.lamp.gallery import FIELDS, gallery, page, prepared, sampled

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "stages" / "lamp" / "gallery_page"
NODE = shutil.which("node")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

SPARKLE = {"type": "pattern", "name": "sparkle", "params": {"speed": 100}}
RESPONSE = json.dumps(
    {"program": {"name": "n", "steps": [{"id": "a", "command": SPARKLE, "duration": None}]}}, separators=(",", ":")
)
OLD = {"id": "a", "prompt": "sparkle, please", "category": "pattern", "response": RESPONSE}
NEW = {
    **OLD, "id": "b", "prompt": "um, a fox </script> & co", "category": "conversational", "subcategory": "follow_up",
    "version": "v2", "template": "v2/x#1", "meaning": {"intent": "picture", "object": "fox"}, "running": RESPONSE,
}  # fmt: skip


def run(folder: Path, *rows: dict[str, Any], arguments: tuple[str, ...] = ()) -> Result:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return CliRunner().invoke(gallery, ["--rows", str(path), "--out", str(folder / "out.html"), *arguments])


def unpacked(text: str) -> list[dict[str, Any]]:
    """The rows in a page, as its script reads them."""
    [packed] = re.findall(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    data = json.loads(zlib.decompress(base64.b64decode(packed)))
    return [dict(zip(data["fields"], row, strict=True)) for row in data["rows"]]


def row(**values: Any) -> dict[str, Any]:
    return dict(zip(FIELDS, prepared({**OLD, **values}), strict=True))


# Rows -------------------------------------------------------------------------------------------------------


def test_a_row_keeps_what_it_says_and_gets_the_instant_at_which_it_looks_best() -> None:
    known = row(**NEW)
    assert {key: known[key] for key in NEW} == NEW
    assert (known["valid"], known["poster"], known["reasons"]) == (True, 2000, None)


def test_an_imported_row_is_an_original_one_and_lacks_the_rest() -> None:
    known = row()
    assert (known["version"], known["subcategory"], known["template"]) == ("v1", "", "")
    assert known["meaning"] is None and known["running"] is None


@pytest.mark.parametrize("response", ["no json", '{"program":{}}', {"program": 1}, None, 5])
def test_an_answer_that_cannot_be_played_is_kept_as_it_is_and_marked(response: Any) -> None:
    known = row(response=response)
    assert not known["valid"] and known["poster"] == 0
    assert known["response"] == (response if isinstance(response, str) else json.dumps(response, separators=(",", ":")))


def test_what_is_running_must_be_a_program_and_what_is_meant_a_mapping() -> None:
    known = row(running="nonsense", meaning=["odd"])
    assert known["running"] is None and known["meaning"] is None


def test_a_sample_hangs_on_the_ids_and_keeps_the_order() -> None:
    rows = [{"id": f"r{number}"} for number in range(50)]
    few = sampled(rows, 10)
    assert len(few) == 10 and few == [one for one in rows if one in few]
    assert sampled(rows[::-1], 10) == few[::-1]
    assert all(one in sampled(rows, 20) for one in few)
    assert sampled(rows, 99) == rows


# The page ---------------------------------------------------------------------------------------------------


class Outside(html.parser.HTMLParser):
    """Collects what a page would fetch, and the policy that forbids it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href", "srcset", "action") if key in values]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(values["content"])


def test_a_page_holds_everything_and_forbids_itself_to_fetch_anything() -> None:
    text = page([prepared(OLD)], "rows.jsonl")
    found = Outside()
    found.feed(text)
    assert found.addresses == []
    assert found.policy.startswith("default-src 'none'")
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    assert "@@" not in text


def test_what_is_said_cannot_end_a_script() -> None:
    text = page([prepared(NEW)], "<b>.jsonl")
    assert "co</" not in text and "<b>" not in text
    assert [one["prompt"] for one in unpacked(text)] == [NEW["prompt"]]
    for path in PAGE.glob("*.js"):
        assert "</script" not in path.read_text(), path.name


def test_every_part_of_the_page_is_in_the_wheel() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for path in PAGE.iterdir():
        name = path.relative_to(ROOT / "stages" / "lamp").as_posix()
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns["lampforge.lamp"]), name


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.js")), ids=lambda path: path.name)
def test_a_script_stays_short_and_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 400 and max(map(len, lines)) <= 120
    assert lines[0].startswith("// ")


# The command ------------------------------------------------------------------------------------------------


def test_all_rows_are_written_in_their_order(tmp_path: Path) -> None:
    result = run(tmp_path, OLD, NEW)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"wrote \S+out.html: 2 requests, 0.1 MB; open it in a browser\n", result.stdout)
    assert [one["id"] for one in unpacked((tmp_path / "out.html").read_text())] == ["a", "b"]


def test_the_same_rows_give_the_same_page(tmp_path: Path) -> None:
    texts = []
    for _ in range(2):
        run(tmp_path, OLD, NEW)
        texts.append((tmp_path / "out.html").read_bytes())
    assert texts[0] == texts[1]


def test_rows_without_an_id_are_named_by_their_place(tmp_path: Path) -> None:
    run(tmp_path, {"prompt": "x", "response": RESPONSE}, {"prompt": "y", "response": RESPONSE})
    assert [one["id"] for one in unpacked((tmp_path / "out.html").read_text())] == ["row 1", "row 2"]


def test_a_sample_is_smaller(tmp_path: Path) -> None:
    rows = [{**OLD, "id": str(number)} for number in range(30)]
    assert "4 requests" in run(tmp_path, *rows, arguments=("--sample", "4")).stdout


def test_the_rejected_are_shown_with_their_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / module._REJECTED
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**OLD, "response": "no", "reasons": ["$: not-json"]}) + "\n")
    assert CliRunner().invoke(gallery, ["--rejected"]).exit_code == 0
    [known] = unpacked((tmp_path / "gallery.html").read_text())
    assert known["reasons"] == ["$: not-json"] and not known["valid"]


@pytest.mark.parametrize(
    ("rows", "arguments", "said"),
    [
        ([], (), "rows.jsonl: no rows in it"),
        ([{"prompt": "x"}], (), "rows.jsonl:1: the row has no response"),
        ([OLD], ("--rejected",), "take one of them"),
        ([OLD], ("--rows", "missing.jsonl"), "missing.jsonl: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_no_page(
    tmp_path: Path, rows: list[dict[str, Any]], arguments: tuple[str, ...], said: str
) -> None:
    result = run(tmp_path, *rows, arguments=arguments)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert said in result.stderr
    assert not (tmp_path / "out.html").exists()


# What the page does -----------------------------------------------------------------------------------------

# Sets filters one after the other and tells which rows are shown and what could be chosen then.
DRIVER = """
const { rows, fields, views } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { state, prepared, sift } = require(process.argv[1]);
state.rows = rows.map((values, place) => prepared(values, fields, place));
const blank = { ...state };
console.log(JSON.stringify(views.map((view) => {
  Object.assign(state, blank, view);
  const choices = Object.entries(sift()).map(([id, counts]) => [id, Object.fromEntries(counts)]);
  return [state.shown.map((row) => row.id), Object.fromEntries(choices)];
})));
"""


@pytest.mark.skipif(NODE is None, reason="node is not installed, which runs the page's scripts")
def test_filters_show_what_passes_them_all_and_offer_what_passes_the_others() -> None:
    assert NODE is not None
    owl = {**NEW, "id": "c", "prompt": "An OWL by night", "running": None}
    owl["meaning"] = {"intent": "sequence", "parts": [{"intent": "picture", "object": "owl"}, {"mood": "calm"}]}
    bad = {**OLD, "id": "d", "reasons": ["$.program.x: bad-color: 'red'", "says nearly the same: 'a'"]}
    views = [
        {},
        {"version": "v1"},
        {"version": "both", "words": "owl  night"},
        {"subject": "owl"},
        {"intent": "picture"},
        {"subcategory": "follow_up", "category": "pattern"},
        {"over": True},
        {"reason": "bad-color"},
    ]
    question = {"rows": [prepared(one) for one in (OLD, NEW, owl, bad)], "fields": FIELDS, "views": views}
    command = [NODE, "-e", DRIVER, str(PAGE / "rows.js")]
    done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, check=True, timeout=60)
    answers = json.loads(done.stdout)
    shown = ["".join(ids) for ids, _ in answers]
    assert shown == ["abcd", "ad", "c", "c", "bc", "", "b", "d"]
    everything = answers[0][1]
    assert everything["category"] == {"pattern": 2, "conversational": 2}
    assert everything["intent"] == {"picture": 2, "sequence": 1}
    assert everything["reason"] == {"bad-color": 1, "says nearly the same": 1}
    # Of the categories, what the sub-category alone would show; of the sub-categories, what the category would.
    assert answers[5][1] == {"category": {"conversational": 2}, "subcategory": {}, "intent": {}, "reason": {}}


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to open the page with")
def test_a_browser_shows_both_versions_side_by_side_and_the_request_that_is_open(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    run(tmp_path, OLD, NEW)
    address = (tmp_path / "out.html").as_uri() + "#version=both&row=b"
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [CHROMIUM, *quiet, "--virtual-time-budget=5000", "--dump-dom", address]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert ">original: 1<" in shown and ">new: 1<" in shown
    assert re.search(r'<h2 id="detailPrompt"[^>]*>um, a fox &lt;/script&gt; &amp; co</h2>', shown)
    assert shown.count('class="card"') == 2
