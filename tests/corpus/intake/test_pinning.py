"""Pins: the file of revisions, and the command that looks them up, against a stand-in for the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stages.corpus.intake import pinning
from stages.errors import UserError
from tests.corpus.intake import hub_client
from tests.corpus.intake.hub_server import Answer, Hub, Repository

ROOT = Path(__file__).resolve().parents[3]
ENTRY = """\
source:
  {{hub: {hub}, config: null, split: train, family: alpaca, category: instruction, priority: 1, cap: 9, licence: MIT,
   gated: false, sample: sample.jsonl, note: ''}}
options: {{}}
"""
CONVERTED = "refs/convert/parquet"


class Setting:
    """Some sources, on the stand-in hub."""

    def __init__(self, server: Hub, client: hub_client.Client, folder: Path) -> None:
        self.server, self.client, self.sources = server, client, folder / "sources"
        self.file = folder / "revisions.yaml"
        server.repositories.clear()
        server.faults.clear()

    def add(self, key: str, files: dict[str, bytes] | None, **options: Any) -> str:
        """A source; with files: None only in the folder, not on the hub."""
        entry = self.sources / key / "source.yaml"
        entry.parent.mkdir(parents=True)
        entry.write_text(ENTRY.format(hub=f"toy/{key}"))
        return self.server.add(f"toy/{key}", files, **options) if files is not None else ""

    def pin(self, *keys: str) -> dict[str, Any]:
        return self.client.pin(*keys, "--sources", str(self.sources))


@pytest.fixture
def toy(server: Hub, client: hub_client.Client, tmp_path: Path) -> Setting:
    return Setting(server, client, tmp_path)


def test_all_sources_are_pinned_sorted_by_key(toy: Setting) -> None:
    commits = {key: toy.add(key, {"a.jsonl": key.encode()}) for key in ("b", "a", "c")}
    result = toy.pin()
    assert result["code"] == 0, result
    lines = [line for line in toy.file.read_text().splitlines() if not line.startswith("#")]
    assert lines == [f'{key}: "{commits[key]}"' for key in "abc"]
    assert (
        f"a: not pinned -> {commits['a']}" in result["text"]
        and "3 of 3 changed; 3 sources are pinned" in result["text"]
    )


def test_what_changed_is_shown_and_the_rest_is_not(toy: Setting) -> None:
    for key in "ab":
        toy.add(key, {"a.jsonl": key.encode()})
    toy.pin()
    old, new = pinning.load(toy.file)["a"], toy.server.add("toy/a", {"a.jsonl": b"newer"})
    lines = toy.pin()["text"].splitlines()
    assert lines == [f"a: {old} -> {new}", f"{toy.file}: 1 of 2 changed; 2 sources are pinned"]


def test_only_the_named_sources_are_looked_up(toy: Setting) -> None:
    commits = {key: toy.add(key, {"a.jsonl": key.encode()}) for key in "ab"}
    toy.server.requests.clear()
    toy.pin("b")
    assert pinning.load(toy.file) == {"a": None, "b": commits["b"]}
    assert {request.path for request in toy.server.requests} == {"/api/datasets/toy/b"}


def test_pins_that_are_current_leave_the_file_alone(toy: Setting) -> None:
    toy.add("a", {"a.jsonl": b"a"})
    toy.pin()
    before = toy.file.stat()
    assert toy.pin()["code"] == 0
    assert (toy.file.stat().st_mtime_ns, toy.file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_source_that_cannot_be_looked_up_keeps_its_pin_and_is_reported(toy: Setting) -> None:
    commit = toy.add("b", {"a.jsonl": b"b"})
    toy.add("a", None)
    pinning.write(toy.file, {"a": "1" * 40})
    result = toy.pin()
    assert result["code"] == 2 and "error: not looked up: a (the hub has no data set toy/a" in result["text"]
    assert pinning.load(toy.file) == {"a": "1" * 40, "b": commit}


def test_an_answer_that_may_pass_is_waited_for(toy: Setting) -> None:
    commit = toy.add("a", {"a.jsonl": b"a"})
    toy.server.faults["/api/datasets/toy/a"] = [Answer(503), Answer(429)]
    result = toy.pin()
    assert result["code"] == 0 and result["waits"] == [2.0, 10.0]
    assert pinning.load(toy.file) == {"a": commit}


def test_a_gated_source_is_pinned_without_a_token(toy: Setting) -> None:
    commit = toy.add("a", {"a.jsonl": b"a"}, gated=True)
    assert toy.pin()["code"] == 0
    assert pinning.load(toy.file) == {"a": commit}


def test_a_source_with_a_loading_script_is_pinned_to_its_parquet_conversion(toy: Setting) -> None:
    toy.add("a", {})
    repository = Repository({"main": {"a.py": b"", "a.zip": b""}, CONVERTED: {"default/train/0000.parquet": b"1"}})
    toy.server.repositories["toy/a"] = repository
    assert toy.pin()["code"] == 0
    assert pinning.load(toy.file) == {"a": repository.commit(CONVERTED)} != {"a": repository.commit()}


def test_a_loading_script_without_a_parquet_conversion_is_reported(toy: Setting) -> None:
    toy.add("a", {"a.py": b""})
    result = toy.pin()
    assert result["code"] == 2 and f"no {CONVERTED}" in result["text"]
    assert pinning.load(toy.file) == {"a": None}


def test_a_source_that_only_the_user_has_is_passed_over_and_cannot_be_named(toy: Setting) -> None:
    commit = toy.add("a", {"a.jsonl": b"a"})
    toy.add("mine", None)
    (toy.sources / "mine" / "source.yaml").write_text(ENTRY.format(hub="null"))
    assert toy.pin()["code"] == 0
    assert pinning.load(toy.file) == {"a": commit, "mine": None}
    assert "mine: not on the hub" in toy.pin("mine")["text"]


def test_a_key_without_a_source_is_refused_or_dropped(toy: Setting) -> None:
    commit = toy.add("a", {"a.jsonl": b"a"})
    assert "b: no source of that key" in toy.pin("b")["text"]
    pinning.write(toy.file, {"a": commit, "gone": "1" * 40})
    assert "gone: no source any more" in toy.pin()["text"]
    assert pinning.load(toy.file) == {"a": commit}


def test_a_hub_that_is_not_there_ends_it_at_the_first_source(toy: Setting, tmp_path: Path) -> None:
    for key in "ab":
        toy.add(key, {"a.jsonl": b"a"})
    with hub_client.started("http://127.0.0.1:9", tmp_path) as client:
        result = client.pin("--sources", str(toy.sources))
    assert result["code"] == 2 and "a and what follows (the hub (http://127.0.0.1:9) is not reached" in result["text"]
    assert len(result["waits"]) == 3


def test_offline_mode_is_one_line(toy: Setting) -> None:
    toy.add("a", {"a.jsonl": b"a"})
    result = CliRunner().invoke(pinning.pin, ["--sources", str(toy.sources)])
    assert result.exit_code == 2 and result.output.startswith("error: HF_HUB_OFFLINE forbids")


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(pinning.pin, ["--sources", str(tmp_path)])
    assert result.exit_code == 2 and "no sources here" in result.output


@pytest.mark.parametrize(
    "content",
    [
        "- a\n",
        "a: [\n",
        "a: main\n",
        "a: 12\n",
        f"a: {'1' * 40}\n",
        f"a: {'A' * 40}\n",
        f"a: {'f' * 39}\n",
        b"a: \xff\n",
    ],
)
def test_anything_but_commits_in_the_file_is_refused_by_name(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "revisions.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=r"revisions\.yaml"):
        pinning.load(path)


def test_the_lines_of_the_file_are_sorted_whatever_order_they_come_in(tmp_path: Path) -> None:
    pinning.write(tmp_path / "revisions.yaml", {"b": None, "a": "1" * 40})
    assert list(pinning.load(tmp_path / "revisions.yaml")) == ["a", "b"]


def test_a_commit_of_digits_alone_survives(tmp_path: Path) -> None:
    pinning.write(tmp_path / "revisions.yaml", {"a": "1" * 40, "b": None})
    assert pinning.load(tmp_path / "revisions.yaml") == {"a": "1" * 40, "b": None}
    assert pinning.revision_of("a", tmp_path / "revisions.yaml") == "1" * 40


def test_each_source_has_a_line_in_the_file_of_the_repository() -> None:
    sources = {path.parent.name for path in (ROOT / "data/seed/corpus/sources").glob("*/source.yaml")}
    assert set(pinning.load(ROOT / pinning.FILE)) == sources, 'add "<key>: null", or run lampforge corpus pin'


def test_the_file_lies_beside_the_folder_of_the_sources() -> None:
    assert pinning.beside(pinning.FILE.parent / "sources") == pinning.FILE
