"""Fetching a model: the real libraries against a stand-in for the hub, and one line for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from stages.errors import UserError
from stages.model import hub
from tests.corpus.intake.hub_server import STRANGER, TOKEN, Answer, Hub
from tests.model import model_hub

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.model": b"pieces",
    "LICENSE": b"terms",
    "README.md": b"praise",
    "modeling_toy.py": b"code",
    "original/model.safetensors": b"the same once more",
}
FETCH = "from stages.errors import fail, UserError\nfrom stages.model import hub\ntry: print(hub.fetched({}, {}))\nexcept UserError as error: fail(str(error))"  # noqa: E501


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    with model_hub.served() as found:
        yield found


def fetch(server: Hub, home: Path, name: str, revision: str | None = None, **how: Any) -> tuple[int, str]:
    code, said = model_hub.run(server.url, home, "-c", FETCH.format(repr(name), repr(revision)), **how)
    assert said.count("\n") == 1, said
    return code, said.strip()


def test_weights_tokenizer_and_licence_are_fetched_at_the_commit_and_nothing_else(server: Hub, tmp_path: Path) -> None:
    old = server.add("toy/model", {**FILES, "config.json": b"{old}"})
    server.repositories["toy/model"].branches["old"] = server.repositories["toy/model"].branches.pop("main")
    old = server.repositories["toy/model"].commit("old")
    server.repositories["toy/model"].branches["main"] = FILES
    code, said = fetch(server, tmp_path, "toy/model", old)
    folder = Path(said)
    assert (code, folder.name) == (0, old)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {"config.json", "model.safetensors", "tokenizer.model", "LICENSE"}
    assert (folder / "config.json").read_bytes() == b"{old}"


def test_without_a_revision_it_is_what_the_hub_has_now(server: Hub, tmp_path: Path) -> None:
    commit = server.add("toy/current", FILES)
    assert Path(fetch(server, tmp_path, "toy/current")[1]).name == commit


def test_what_was_fetched_once_needs_no_network(server: Hub, tmp_path: Path) -> None:
    commit = server.add("toy/model", FILES)
    first = fetch(server, tmp_path, "toy/model", commit)
    asked = len(server.requests)
    assert fetch(server, tmp_path, "toy/model", commit, offline=True) == first
    assert len(server.requests) == asked


def test_offline_says_how_to_go_online(server: Hub, tmp_path: Path) -> None:
    commit = server.add("toy/model", FILES)
    code, said = fetch(server, tmp_path, "toy/model", commit, offline=True)
    assert (code, said) == (
        2,
        "error: toy/model must be asked for at the hub, which HF_HUB_OFFLINE forbids; put HF_HUB_OFFLINE=0 before the"
        " command",
    )


@pytest.mark.parametrize(
    ("token", "said"),
    [(None, "HF_TOKEN is not set"), (STRANGER, "the account of HF_TOKEN is not let in")],
)
def test_a_gated_model_says_where_its_terms_are(server: Hub, tmp_path: Path, token: str | None, said: str) -> None:
    server.add("toy/gated", FILES, gated=True)
    assert fetch(server, tmp_path, "toy/gated", token=token) == (
        2,
        f"error: toy/gated is gated, and {said}; accept its terms at {server.url}/toy/gated and set HF_TOKEN to your"
        " token",
    )


def test_a_gated_model_is_fetched_with_a_token_that_is_let_in(server: Hub, tmp_path: Path) -> None:
    commit = server.add("toy/gated", FILES, gated=True)
    assert fetch(server, tmp_path, "toy/gated", commit, token=TOKEN)[0] == 0


def test_a_token_that_the_hub_does_not_know_is_named(server: Hub, tmp_path: Path) -> None:
    server.add("toy/model", FILES)
    code, said = fetch(server, tmp_path, "toy/model", token="hf_made_up")
    assert (code, said) == (2, "error: the hub does not know HF_TOKEN; make another token, or unset it")


def test_a_revision_that_is_not_there_is_named(server: Hub, tmp_path: Path) -> None:
    server.add("toy/model", FILES)
    code, said = fetch(server, tmp_path, "toy/model", "1" * 40)
    assert (code, said) == (
        2,
        f"error: toy/model has no revision {'1' * 40}; correct it, or pin it anew: lampforge base pin",
    )


def test_a_model_that_is_not_there_is_named(server: Hub, tmp_path: Path) -> None:
    code, said = fetch(server, tmp_path, "toy/absent")
    assert code == 2
    assert said.startswith("error: the hub has no model toy/absent, or only for accounts that its owner names")


def test_an_answer_that_is_none_is_reported_with_its_status(server: Hub, tmp_path: Path) -> None:
    server.add("toy/model", FILES)
    server.faults["/api/datasets/toy/model/revision/main"] = [Answer(418)]
    server.faults["/api/models/toy/model/revision/main"] = [Answer(418)]
    code, said = fetch(server, tmp_path, "toy/model")
    assert code == 2
    assert said.startswith("error: the hub answers 418 for toy/model: ")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_hub_that_is_not_reached_is_named(monkeypatch: pytest.MonkeyPatch, wrapped: bool) -> None:
    refused = httpx2.ConnectError("connection refused\nmore of it")

    def snapshot(*_: Any, **__: Any) -> None:
        if wrapped:
            raise LocalEntryNotFoundError("not in the cache") from refused
        raise refused

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr(huggingface_hub, "is_offline_mode", lambda: False)
    with pytest.raises(
        hub.NotReachedError, match=r"the hub \(http.*\) is not reached for toy/model: connection refused;"
    ):
        hub.fetched("toy/model", None)


def test_other_errors_are_not_explained_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(OSError, match="No space left"):
        hub.fetched("toy/model", None)


def test_offline_no_commit_is_looked_up() -> None:
    with pytest.raises(UserError, match="toy/model must be asked for at the hub, which HF_HUB_OFFLINE forbids"):
        hub.current("toy/model")
