"""A source's files from the hub: the real libraries against a stand-in for the hub on this machine."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stages.corpus.intake import hub, pinning
from stages.corpus.intake.providers import UnavailableError
from stages.corpus.rows.source import Category, Source
from stages.errors import UserError
from tests.corpus.intake import hub_client, hub_server
from tests.corpus.intake.hub_server import Answer, Cut, Hub

BIG = bytes(range(256)) * 400


_NUMBERS = count()


@pytest.fixture
def name() -> str:
    """The data set of this test alone: the libraries remember what they saw of others."""
    return f"toy/set{next(_NUMBERS)}"


def source(hub: str | None, config: str | None = None, split: str = "train") -> dict[str, Any]:
    return {
        "hub": hub, "config": config, "split": split, "family": "alpaca", "category": "instruction", "priority": 1,
        "cap": 100, "licence": "MIT", "gated": False, "sample": "sample.jsonl", "note": "",
    }  # fmt: skip


class Setting:
    """A client with the pins of a test."""

    def __init__(self, server: Hub, client: hub_client.Client, folder: Path, name: str) -> None:
        self.server, self.name, self.client, self.pins = server, name, client, folder / "revisions.yaml"

    def add(self, files: dict[str, bytes], **options: Any) -> str:
        commit = self.server.add(self.name, files, **options)
        pinning.write(self.pins, {"toy": commit})
        return commit

    def files(self, config: str | None = None, split: str = "train", **options: Any) -> dict[str, Any]:
        answer = self.client.files("toy", source(self.name, config, split), self.pins, **options)
        answer["names"] = [path.partition("/snapshots/")[2].partition("/")[2] for path in answer["files"]]
        return answer


@pytest.fixture
def toy(server: Hub, client: hub_client.Client, tmp_path: Path, name: str) -> Setting:
    return Setting(server, client, tmp_path, name)


def card(configs: str) -> bytes:
    return f"---\nlicense: mit\n{configs}---\n# A toy\n".encode()


def shards(number: int, split: str = "train") -> dict[str, bytes]:
    return {f"data/{split}-{n:05}-of-{number:05}.parquet": b"%d" % n + BIG for n in range(number)}


def test_files_come_in_the_published_order_with_their_content(toy: Setting) -> None:
    files = {**dict(reversed(shards(5).items())), **shards(1, "test")}
    toy.add(files)
    answer = toy.files()
    assert answer["names"] == [f"data/train-0000{n}-of-00005.parquet" for n in range(5)], answer["text"]
    for path, name in zip(answer["files"], answer["names"], strict=True):
        assert Path(path).read_bytes() == files[name]


def test_no_more_files_are_fetched_than_asked_for(toy: Setting) -> None:
    toy.add(shards(5))
    assert len(toy.files(take=2)["files"]) == 2
    assert toy.server.fetched(toy.name) == ["data/train-00000-of-00005.parquet", "data/train-00001-of-00005.parquet"]


def test_a_file_that_is_there_is_not_fetched_again(toy: Setting) -> None:
    toy.add(shards(2))
    first = toy.files(take=1)
    again = toy.files()
    assert again["files"][:1] == first["files"]
    assert len(toy.server.fetched(toy.name)) == 2


def test_the_pinned_revision_is_read_though_the_data_set_went_on(toy: Setting) -> None:
    old = {"train.jsonl": b'{"a": 1}\n'}
    commit = toy.add(old)
    toy.server.repositories[toy.name].branches = {"main": {"train.jsonl": b'{"a": 2}\n'}, "old": old}
    pinning.write(toy.pins, {"toy": toy.server.repositories[toy.name].commit("old")})
    answer = toy.files()
    assert Path(answer["files"][0]).read_bytes() == b'{"a": 1}\n'
    assert commit not in answer["files"][0]
    assert not [r.path for r in toy.server.requests if f"/{toy.name}/" in r.path and "main" in r.path.split("/")]


@pytest.mark.parametrize("config", ["main", "socratic"])
def test_a_config_that_the_card_names_gives_its_own_files(toy: Setting, config: str) -> None:
    configs = "configs:\n" + "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/train-*\n"
        for name in ("main", "socratic")
    )
    files = {f"{name}/train-00000-of-00001.parquet": BIG for name in ("main", "socratic")}
    toy.add({"README.md": card(configs), **files})
    answer = toy.files(config)
    assert answer["names"] == [f"{config}/train-00000-of-00001.parquet"], answer["text"]


@pytest.mark.parametrize("config", ["helpful-base", "harmless-base"])
def test_a_config_that_the_card_does_not_name_is_a_folder(toy: Setting, config: str) -> None:
    folders = ("harmless-base", "helpful-base", "red-team-attempts")
    toy.add({
        "README.md": card(""),
        **{f"{folder}/{split}.jsonl.gz": folder.encode() + BIG for folder in folders for split in ("test", "train")},
    })  # fmt: skip
    answer = toy.files(config)
    assert answer["names"] == [f"{config}/train.jsonl.gz"], answer["text"]


def test_a_folder_within_a_folder_is_a_config_too(toy: Setting) -> None:
    toy.add({f"data/{language}/data-0000{n}-of-00002.parquet": BIG for language in ("go", "python") for n in range(2)})
    answer = toy.files("data/python")
    assert answer["names"] == [f"data/python/data-0000{n}-of-00002.parquet" for n in range(2)], answer["text"]


def test_a_split_of_an_own_name_is_found(toy: Setting) -> None:
    toy.add({**shards(2, "train_sft"), **shards(1, "train_gen")})
    assert toy.files(split="train_sft")["names"] == [f"data/train_sft-0000{n}-of-00002.parquet" for n in range(2)]


def test_a_single_file_of_any_name_is_the_training_split(toy: Setting) -> None:
    toy.add({"README.md": card(""), ".gitattributes": b"", "alpaca_data_cleaned.json": b'[{"a": 1}]'})
    assert toy.files()["names"] == ["alpaca_data_cleaned.json"]


@pytest.mark.parametrize("train", ["train", "partial-train"])
@pytest.mark.parametrize("config", [None, "all"])
def test_a_parquet_conversion_is_read_by_its_folders(toy: Setting, config: str | None, train: str) -> None:
    names = [f"{config or 'default'}/{split}/000{n}.parquet" for split in ("test", train) for n in range(2)]
    toy.add({name: name.encode() + BIG for name in names})
    assert toy.files(config)["names"] == names[2:]


def test_a_connection_that_is_cut_goes_on_where_it_was(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG})
    toy.server.faults[f"/store/{toy.name}/train.jsonl"] = [Cut(30_000), Cut(20_000)]
    answer = toy.files()
    assert Path(answer["files"][0]).read_bytes() == BIG
    ranges = [request.range for request in toy.server.requests if request.path == f"/store/{toy.name}/train.jsonl"]
    assert ranges == ["", "bytes=30000-", "bytes=50000-"]


def test_a_connection_that_is_reset_is_made_again(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG})
    toy.server.faults[f"/store/{toy.name}/train.jsonl"] = [Cut(30_000, reset=True)]
    answer = toy.files()
    assert Path(answer["files"][0]).read_bytes() == BIG, answer["text"]


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    "where", ["/store/{}/train.jsonl", "/api/datasets/{}/revision/{}", "/datasets/{}/resolve/{}/train.jsonl"]
)
def test_an_answer_that_may_pass_is_waited_for(toy: Setting, where: str, status: int) -> None:
    commit = toy.add({"train.jsonl": BIG})
    toy.server.faults[where.format(toy.name, commit)] = [Answer(status, {"Retry-After": "7"})] * 2
    answer = toy.files()
    assert answer["names"] == ["train.jsonl"], answer["text"]
    assert answer["waits"]


def test_a_hub_that_stays_ill_makes_the_source_unavailable(toy: Setting) -> None:
    commit = toy.add({"train.jsonl": BIG})
    toy.server.faults[f"/api/datasets/{toy.name}/revision/{commit}"] = [Answer(503)] * 50
    answer = toy.files()
    assert (answer["error"], answer["text"].startswith(f"the hub answers 503 for {toy.name}")) == (
        "UnavailableError",
        True,
    )
    assert sum(answer["waits"]) < 300


def test_a_failure_behind_the_first_file_does_not_pass_for_an_unavailable_source(toy: Setting) -> None:
    toy.add(shards(3))
    toy.server.faults[f"/store/{toy.name}/data/train-00001-of-00003.parquet"] = [Answer(500)] * 50
    answer = toy.files()
    assert answer["error"] == "UserError" and "run the same command again" in answer["text"], answer
    assert "behind 1 of 3 files" in answer["text"]
    del toy.server.faults[f"/store/{toy.name}/data/train-00001-of-00003.parquet"]
    assert len(toy.files()["files"]) == 3
    assert toy.server.fetched(toy.name).count("data/train-00000-of-00003.parquet") == 1


def test_a_gated_source_is_unavailable_without_a_token(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG}, gated=True)
    answer = toy.files()
    assert answer["error"] == "UnavailableError"
    assert answer["text"].startswith(f"{toy.name} is gated; accept the terms at {toy.server.url}/datasets/{toy.name}")
    assert "HF_TOKEN" in answer["text"] and "\n" not in answer["text"]


def test_a_token_whose_account_is_not_let_in_is_told_apart(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG}, gated=True)
    answer = toy.files(token=hub_server.STRANGER)
    assert answer["error"] == "UnavailableError" and "HF_TOKEN is not let in" in answer["text"]


def test_a_gated_source_is_read_with_a_token(toy: Setting) -> None:
    toy.add({"README.md": card(""), "python/train.jsonl": BIG}, gated=True)
    answer = toy.files("python", token=hub_server.TOKEN)
    assert answer["names"] == ["python/train.jsonl"], answer["text"]


def test_a_token_that_the_hub_does_not_know_is_named(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG})
    answer = toy.files(token="hf_expired")
    assert (answer["error"], answer["text"]) == (
        "UnavailableError", "the hub does not know HF_TOKEN; make another token, or unset it"
    )  # fmt: skip


@pytest.mark.parametrize("token", [None, hub_server.TOKEN])
def test_a_data_set_that_is_not_there_is_unavailable(toy: Setting, token: str | None) -> None:
    pinning.write(toy.pins, {"toy": "0" * 40})
    answer = toy.files(token=token)
    assert answer["error"] == "UnavailableError" and answer["text"].startswith(f"the hub has no data set {toy.name}")


def test_a_revision_that_is_gone_is_unavailable(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG})
    pinning.write(toy.pins, {"toy": "0" * 40})
    answer = toy.files()
    assert answer["error"] == "UnavailableError" and "does not have this revision" in answer["text"]


def test_a_split_that_is_not_there_is_unavailable_with_those_that_are(toy: Setting) -> None:
    toy.add({"train.jsonl": BIG, "test.jsonl": BIG})
    answer = toy.files(split="train_sft")
    assert answer["error"] == "UnavailableError"
    assert answer["text"] == f"{toy.name} has no split 'train_sft'; it has train, test"


def test_a_config_that_is_not_there_is_unavailable_with_those_that_are(toy: Setting) -> None:
    configs = "configs:\n- config_name: main\n  data_files: a.jsonl\n- config_name: socratic\n  data_files: b.jsonl\n"
    toy.add({"README.md": card(configs), "a.jsonl": BIG, "b.jsonl": BIG})
    answer = toy.files("mian")
    assert answer["error"] == "UnavailableError"
    assert "no config or folder 'mian'" in answer["text"] and "['main', 'socratic']" in answer["text"]


def test_configs_without_a_default_must_be_named(toy: Setting) -> None:
    configs = "configs:\n- config_name: main\n  data_files: a.jsonl\n- config_name: socratic\n  data_files: b.jsonl\n"
    toy.add({"README.md": card(configs), "a.jsonl": BIG, "b.jsonl": BIG})
    answer = toy.files()
    assert answer["error"] == "UnavailableError" and "['main', 'socratic']" in answer["text"]


@pytest.mark.parametrize(
    "files", [{}, {"README.md": card("")}, {"README.md": b"---\nconfigs: [\n---\n", "a.json": b"{}"}]
)
def test_a_data_set_whose_files_cannot_be_told_is_unavailable(toy: Setting, files: dict[str, bytes]) -> None:
    toy.add(files)
    answer = toy.files()
    assert answer["error"] == "UnavailableError" and "\n" not in answer["text"], answer


def test_a_copy_in_the_cache_of_datasets_does_not_stand_in_for_the_pinned_revision(toy: Setting) -> None:
    cached = toy.client.home / "datasets" / toy.name.replace("/", "___") / "default" / "0.0.0" / ("0" * 40)
    cached.mkdir(parents=True)
    (cached / "dataset_info.json").write_text('{"config_name": "default"}')
    toy.add({"README.md": card("")})
    answer = toy.files()
    assert answer["error"] == "UnavailableError" and "has no files that can be told apart" in answer["text"], answer


def test_a_format_that_is_not_read_is_unavailable_before_it_is_fetched(toy: Setting) -> None:
    toy.add({"train.arrow": BIG})
    answer = toy.files()
    assert answer["error"] == "UnavailableError" and "train.arrow" in answer["text"], answer
    assert toy.server.fetched(toy.name) == []


def test_a_loading_script_is_not_run(toy: Setting) -> None:
    script = f"{toy.name.partition('/')[2]}.py"
    toy.add({script: b"raise SystemExit", "train.jsonl": BIG})
    answer = toy.files()
    assert answer["error"] == "UserError" and "lampforge corpus pin toy" in answer["text"]


@pytest.mark.parametrize(
    "path", ["../../../escaped.jsonl", "data/../../escaped.jsonl", "/tmp/escaped.jsonl", "..\\escaped.jsonl"]
)
def test_a_path_that_leads_out_of_the_data_set_is_refused(toy: Setting, path: str) -> None:
    toy.add({path: BIG, "train.jsonl": BIG})
    answer = toy.files()
    assert answer["error"] == "UserError" and "leads out of it" in answer["text"]
    assert toy.server.fetched(toy.name) == []


@pytest.mark.parametrize(
    "place", ["{secret}", "hf://datasets/toy/other/train.jsonl", "hf://datasets/{name}@main/a.jsonl"]
)
def test_a_card_cannot_point_out_of_the_pinned_data_set(toy: Setting, tmp_path: Path, place: str) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"password": "x"}\n')
    toy.server.add("toy/other", {"train.jsonl": BIG})
    where = place.format(secret=secret, name=toy.name)
    toy.add({"README.md": card(f"configs:\n- config_name: default\n  data_files: {where}\n"), "a.jsonl": BIG})
    answer = toy.files()
    assert answer["files"] == [] and answer["error"] in ("UserError", "UnavailableError")
    assert "from elsewhere" in answer["text"] or "don't belong to" in answer["text"]


def test_a_hub_that_is_not_there_makes_the_source_unavailable(tmp_path: Path) -> None:
    pinning.write(tmp_path / "revisions.yaml", {"toy": "0" * 40})
    with hub_client.started("http://127.0.0.1:9", tmp_path) as client:
        answer = client.files("toy", source("toy/set"), tmp_path / "revisions.yaml")
    assert answer["error"] == "UnavailableError"
    assert answer["text"].startswith("the hub (http://127.0.0.1:9) is not reached")


def refusal(hub_id: str | None, pins: Path) -> str:
    described = Source(**{**source(hub_id), "category": Category.CODE})
    with pytest.raises((UserError, UnavailableError)) as caught:
        next(hub.hub_files("toy", described, pins))
    return f"{caught.type.__name__}: {caught.value}"


def test_offline_mode_is_one_line_that_says_how_to_leave_it(tmp_path: Path) -> None:
    assert refusal("toy/set", tmp_path / "revisions.yaml") == (
        "UserError: HF_HUB_OFFLINE forbids to reach the hub, which this needs;"
        " put HF_HUB_OFFLINE=0 in front of the command"
    )


def test_a_source_that_only_the_user_has_is_unavailable(tmp_path: Path) -> None:
    assert refusal(None, tmp_path / "revisions.yaml").startswith("UnavailableError: it is not on the hub")


@pytest.mark.parametrize("content", [None, "", "toy: null\n", "# nothing\n", 'other: "' + "1" * 40 + '"\n'])
def test_a_source_that_is_not_pinned_says_what_to_run(toy: Setting, content: str | None) -> None:
    if content is not None:
        toy.pins.write_text(content)
    answer = toy.files()
    assert (answer["error"], "run: lampforge corpus pin toy" in answer["text"]) == ("UserError", True)
