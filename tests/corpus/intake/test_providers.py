"""A source's files come in the published order, one as it is asked for, and from nowhere else than they should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.corpus.intake import hub
from stages.corpus.intake.providers import Provider, UnavailableError, files_of
from stages.corpus.rows.source import Category, Source
from stages.errors import UserError

SOURCE = Source(
    hub="lamps/rows",
    config=None,
    split="train",
    family="alpaca",
    category=Category.INSTRUCTION,
    priority=1,
    cap=10,
    licence="MIT",
    gated=False,
    sample="sample.jsonl",
    note="",
)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """The folder of a source with its sample."""
    folder = tmp_path / "entries" / "lamp_rows"
    folder.mkdir(parents=True)
    (folder / "sample.jsonl").write_text("{}\n")
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder for the user's own files, beside which there is one of somebody else."""
    folder = tmp_path / "raw"
    folder.mkdir()
    (tmp_path / "other.jsonl").write_text("{}\n")
    return folder


def taken(provider: Provider, entry: Path, raw: Path, source: Source = SOURCE) -> list[Path]:
    return list(files_of(provider, entry, raw, source))


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}\n")


# Bundled -----------------------------------------------------------------------------------------------------


def test_bundled_is_the_sample_beside_the_entry(entry: Path, raw: Path) -> None:
    assert taken("bundled", entry, raw) == [entry / "sample.jsonl"]


def test_a_sample_that_is_missing_is_a_mistake_that_names_the_entry(entry: Path, raw: Path) -> None:
    (entry / "sample.jsonl").unlink()
    with pytest.raises(UserError, match=r"sample\.jsonl: no such file, though .*source\.yaml names it as the sample"):
        taken("bundled", entry, raw)


@pytest.mark.parametrize("sample", ["../other.jsonl", "../../other.jsonl", "/etc/passwd"])
def test_a_sample_outside_the_entry_is_a_mistake(entry: Path, raw: Path, sample: str) -> None:
    put(entry.parent, "other.jsonl")
    with pytest.raises(UserError, match="leads out of"):
        taken("bundled", entry, raw, SOURCE.__class__(**(vars(SOURCE) | {"sample": sample})))


def test_a_sample_that_is_a_link_out_of_the_entry_is_a_mistake(entry: Path, raw: Path, tmp_path: Path) -> None:
    (entry / "sample.jsonl").unlink()
    (entry / "sample.jsonl").symlink_to(tmp_path / "other.jsonl")
    with pytest.raises(UserError, match="leads out of"):
        taken("bundled", entry, raw)


@pytest.mark.parametrize("provider", ["bundled", "local", "hub"])
@pytest.mark.parametrize("key", ["Lamp", "lamp-rows", "lamp rows", "lämp", "lamp.rows"])
def test_a_key_has_lower_case_letters_digits_and_underscores(
    tmp_path: Path, raw: Path, provider: Provider, key: str
) -> None:
    with pytest.raises(UserError, match=r"is no key of a source; use lower-case letters, digits and _"):
        taken(provider, tmp_path / key, raw)


# Local -------------------------------------------------------------------------------------------------------


def test_local_files_come_in_the_order_of_their_paths(entry: Path, raw: Path) -> None:
    put(raw, "b.jsonl", "a/2.parquet", "a/10.csv", "c.json.gz", "B.JSONL", "d.ndjson.zst")
    names = [path.relative_to(raw).as_posix() for path in taken("local", entry, raw)]
    assert names == ["B.JSONL", "a/10.csv", "a/2.parquet", "b.jsonl", "c.json.gz", "d.ndjson.zst"]


def test_what_is_hidden_or_of_no_format_that_is_read_is_left_out(entry: Path, raw: Path) -> None:
    put(
        raw,
        "rows.jsonl",
        ".rows.jsonl",
        "README.md",
        "rows.txt",
        "rows.gz",
        "rows.tar.gz",
        "rows",
        ".gitattributes",
        ".cache/x.json",
    )
    assert taken("local", entry, raw) == [raw / "rows.jsonl"]


def test_a_folder_named_like_a_file_is_looked_into(entry: Path, raw: Path) -> None:
    put(raw, "train.jsonl/0.jsonl")
    assert taken("local", entry, raw) == [raw / "train.jsonl" / "0.jsonl"]


def test_without_its_folder_a_local_source_is_unavailable(entry: Path, raw: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no folder .*none; put the files of lamp_rows there"):
        taken("local", entry, raw / "none")


def test_a_folder_without_files_that_are_read_is_unavailable(entry: Path, raw: Path) -> None:
    put(raw, "README.md")
    with pytest.raises(UnavailableError, match=r"has no file of a format that is read \(\.jsonl"):
        taken("local", entry, raw)


def test_links_may_lead_within_the_folder_but_not_out_of_it(entry: Path, raw: Path, tmp_path: Path) -> None:
    put(raw, "a.jsonl")
    (raw / "b.jsonl").symlink_to(raw / "a.jsonl")
    assert taken("local", entry, raw) == [raw / "a.jsonl", raw / "b.jsonl"]
    (raw / "c.jsonl").symlink_to(tmp_path / "other.jsonl")
    with pytest.raises(UserError, match=r"c\.jsonl: leads out of .*copy the file in"):
        taken("local", entry, raw)


def test_a_link_to_nowhere_is_left_out(entry: Path, raw: Path) -> None:
    put(raw, "a.jsonl")
    (raw / "b.jsonl").symlink_to(raw / "gone.jsonl")
    assert taken("local", entry, raw) == [raw / "a.jsonl"]


def test_the_folder_may_itself_be_a_link(entry: Path, raw: Path, tmp_path: Path) -> None:
    put(raw, "a.jsonl")
    (tmp_path / "link").symlink_to(raw)
    assert taken("local", entry, tmp_path / "link") == [tmp_path / "link" / "a.jsonl"]


# Hub ---------------------------------------------------------------------------------------------------------


def test_hub_files_are_fetched_as_they_are_asked_for(entry: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def hub_files(key: str, source: Source, revisions: Path) -> Iterator[Path]:
        del revisions
        for number in range(3):
            fetched.append((key, source.hub, number))
            yield raw / f"{number}.parquet"

    monkeypatch.setattr(hub, "hub_files", hub_files)
    files = files_of("hub", entry, raw, SOURCE)
    assert not fetched
    assert next(files) == raw / "0.parquet"
    assert fetched == [("lamp_rows", "lamps/rows", 0)]
