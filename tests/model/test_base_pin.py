"""`lampforge base pin`: commits from a stand-in for the hub into params.yaml, of which nothing else changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages import params
from stages.model import base_pin
from stages.model.bases import Entry
from tests.corpus.intake.hub_server import Hub
from tests.model import families, model_hub

HUBS = {name: row["hub"] for name, row in families.table().items() if row["hub"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    with model_hub.served() as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the repository's parameters."""
    shutil.copy(families.ROOT / "params.yaml", tmp_path / "params.yaml")
    return tmp_path / "params.yaml"


def pin(server: Hub, path: Path, *names: str, offline: bool = False) -> tuple[int, list[str]]:
    command = ("-m", "stages.cli", "base", "pin", *names, "--params", str(path))
    code, said = model_hub.run(server.url, path.parent, *command, offline=offline)
    return code, said.splitlines()


def revisions(path: Path) -> dict[str, str | None]:
    table = params.value(dict[str, Entry], "model_base.bases", path)
    return {name: entry.revision for name, entry in table.items() if entry.hub}


def test_all_bases_are_pinned_gated_ones_too(server: Hub, path: Path) -> None:
    commits = {name: server.add(hub, {"config.json": name.encode()}, gated=True) for name, hub in HUBS.items()}
    code, said = pin(server, path)
    assert code == 0
    assert said == [*(f"{name}: not pinned -> {commit}" for name, commit in commits.items()), f"{path}: 4 of 4 changed"]
    assert revisions(path) == commits
    before = path.read_bytes()
    assert pin(server, path) == (0, [f"{path}: 0 of 4 changed"])
    assert path.read_bytes() == before


def test_only_the_named_ones_are_looked_up(server: Hub, path: Path) -> None:
    commit = server.add(HUBS["phi-4-mini"], {"config.json": b"{}"})
    server.requests.clear()
    assert pin(server, path, "phi-4-mini")[0] == 0
    assert revisions(path) == {**dict.fromkeys(HUBS), "phi-4-mini": commit}
    assert len(server.requests) == 1


def test_nothing_else_in_the_file_changes(path: Path) -> None:
    before = path.read_text().splitlines()
    base_pin.write(path, {"phi-4-mini": "1" * 40, "llama-3.2-3b": "a" * 40})
    after = path.read_text().splitlines()
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert [
        one.replace("revision: null", f'revision: "{commit * 40}"')
        for (one, _), commit in zip(changed, "a1", strict=True)
    ] == [other for _, other in changed]
    base_pin.write(path, {"phi-4-mini": "2" * 40})
    assert revisions(path) == {**dict.fromkeys(HUBS), "phi-4-mini": "2" * 40, "llama-3.2-3b": "a" * 40}


def test_a_base_that_cannot_be_looked_up_keeps_its_pin_and_is_reported(server: Hub, path: Path) -> None:
    server.repositories.clear()
    commit = server.add(HUBS["phi-4-mini"], {"config.json": b"{}"})
    base_pin.write(path, {"gemma-3-4b": "a" * 40})
    code, said = pin(server, path, "gemma-3-4b", "phi-4-mini")
    assert code == 2
    assert said[-1].startswith(f"error: not looked up: gemma-3-4b (the hub has no model {HUBS['gemma-3-4b']}")
    assert revisions(path) == {**dict.fromkeys(HUBS), "gemma-3-4b": "a" * 40, "phi-4-mini": commit}


@pytest.mark.parametrize(
    ("name", "said"),
    [("phi-5", "'phi-5' is none of nano, llama-3.2-3b"), ("nano", "nano: not on the hub, it is trained here")],
)
def test_a_name_that_is_not_on_the_hub_is_refused(server: Hub, path: Path, name: str, said: str) -> None:
    before = path.read_bytes()
    code, lines = pin(server, path, name)
    assert (code, len(lines)) == (2, 1)
    assert said in lines[0]
    assert path.read_bytes() == before


def test_offline_it_says_how_to_go_online(server: Hub, path: Path) -> None:
    code, said = pin(server, path, offline=True)
    assert code == 2
    assert "and what follows" in said[-1]
    assert "put HF_HUB_OFFLINE=0 before the command" in said[-1]
