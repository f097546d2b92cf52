"""The log of reviews: nothing in it can be changed, removed, moved or added without being noticed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from stages.corpus import review_log
from stages.corpus.intake.safety import Severity
from stages.corpus.review_log import Decision
from stages.errors import UserError


def key(number: int) -> str:
    return f"{number:040x}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of three decisions."""
    written(tmp_path / "reviews.jsonl", 1, 2, 3)
    return tmp_path / "reviews.jsonl"


def written(path: Path, *numbers: int, decision: Decision = Decision.ACCEPT, reviewer: str = "ada") -> None:
    with review_log.opened(path) as log:
        for number in numbers:
            log.append(key(number), decision, Severity.HIGH, reviewer, f"note {number}", f"2026-01-0{number}")


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_was_decided_is_read_again_in_its_order(path: Path) -> None:
    entries, head = review_log.read(path)
    assert [entry.key for entry in entries] == [key(1), key(2), key(3)]
    assert (entries[1].reviewer, entries[1].note, entries[1].date) == ("ada", "note 2", "2026-01-02")
    assert head.entries == 3


def test_a_log_that_is_not_there_or_empty_has_no_decisions(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    assert review_log.read(path) == ([], review_log.Head(0, review_log.START))
    path.write_bytes(b"")
    assert review_log.read(path)[0] == []


def test_decisions_are_appended_and_those_before_are_left_byte_for_byte(path: Path) -> None:
    before = path.read_bytes()
    written(path, 4)
    assert path.read_bytes().startswith(before)
    assert len(review_log.read(path)[0]) == 4


def test_an_entry_without_a_date_gets_the_time_of_day_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_log, "now", lambda: "2026-05-05T05:05:05+00:00")
    with review_log.opened(tmp_path / "reviews.jsonl") as log:
        log.append(key(1), Decision.ACCEPT, None, "ada", "")
    assert review_log.read(tmp_path / "reviews.jsonl")[0][0].date == "2026-05-05T05:05:05+00:00"
    monkeypatch.undo()
    assert review_log.now().endswith("+00:00")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_changed_line_is_noticed_even_the_last_one(path: Path, number: int) -> None:
    changed = lines(path)
    changed[number] = changed[number].replace(b'"accept"', b'"reject"')
    path.write_bytes(b"".join(changed))
    with pytest.raises(UserError, match=r"does not follow the line before it|changed, removed or added by hand"):
        review_log.read(path)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_removed_line_is_noticed_even_the_last_one(path: Path, number: int) -> None:
    left = lines(path)
    del left[number]
    path.write_bytes(b"".join(left))
    with pytest.raises(
        UserError, match=r"does not follow the line before it|ends with decision 2, reviews\.head\.json says 3"
    ):
        review_log.read(path)


def test_moved_and_repeated_lines_are_noticed(path: Path) -> None:
    first, second, third = lines(path)
    for order in ((second, first, third), (first, second, second, third)):
        path.write_bytes(b"".join(order))
        with pytest.raises(UserError, match=r"reviews\.jsonl:\d: does not follow"):
            review_log.read(path)


def test_an_emptied_log_is_noticed(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"ends with decision 0, reviews\.head\.json says 3"):
        review_log.read(path)


def test_lines_that_fit_but_came_past_the_head_are_noticed(path: Path) -> None:
    whole, head = path.read_bytes(), review_log.head_file(path).read_bytes()
    written(path, 4, 5)
    review_log.head_file(path).write_bytes(head)
    with pytest.raises(UserError, match=r"ends with decision 5, reviews\.head\.json says 3"):
        review_log.read(path)
    assert path.read_bytes() != whole


def test_a_run_that_was_killed_between_line_and_head_lost_nothing(path: Path) -> None:
    head = review_log.head_file(path).read_bytes()
    written(path, 4)
    review_log.head_file(path).write_bytes(head)
    assert len(review_log.read(path)[0]) == 4
    written(path, 5)
    assert review_log.read(path)[1].entries == 5
    assert orjson.loads(review_log.head_file(path).read_bytes())["entries"] == 5


def test_a_line_that_a_killed_run_began_gives_way_to_the_next_decision(path: Path) -> None:
    path.write_bytes(path.read_bytes() + lines(path)[0][:40])
    assert len(review_log.read(path)[0]) == 3
    written(path, 4)
    assert [entry.key for entry in review_log.read(path)[0]] == [key(1), key(2), key(3), key(4)]
    assert len(lines(path)) == 4


def test_of_several_decisions_on_a_row_the_last_one_counts(path: Path) -> None:
    written(path, 2, decision=Decision.REJECT)
    latest = review_log.latest(review_log.read(path)[0])
    assert len(latest) == 3
    assert latest[key(2)].decision is Decision.REJECT


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "xyz"), ("decision", "maybe"), ("severity", "awful"), ("reviewer", ""), ("extra", 1), ("note", None)],
)
def test_a_line_that_says_something_else_is_named(path: Path, name: str, value: object) -> None:
    entry = orjson.loads(lines(path)[0]) | {name: value}
    path.write_bytes(orjson.dumps(entry) + b"\n")
    with pytest.raises(UserError, match=r"reviews\.jsonl:1: no decision .*restore"):
        review_log.read(path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"entries": "3", "last": ""}'])
def test_a_broken_head_is_named(path: Path, content: bytes) -> None:
    review_log.head_file(path).write_bytes(content)
    with pytest.raises(UserError, match=r"reviews\.head\.json: not the head of a log"):
        review_log.read(path)


def test_two_people_cannot_write_at_once(path: Path) -> None:
    with (
        review_log.opened(path),
        pytest.raises(UserError, match="another review is under way"),
        review_log.opened(path),
    ):
        pass


def test_a_broken_log_is_not_written_to(path: Path) -> None:
    path.write_bytes(b"".join(lines(path)[1:]))
    before = path.read_bytes()
    with pytest.raises(UserError), review_log.opened(path):
        pass
    assert path.read_bytes() == before


def test_decisions_of_another_branch_are_chained_behind_ones_own(path: Path, tmp_path: Path) -> None:
    common = path.read_bytes()
    other = tmp_path / "theirs.jsonl"
    other.write_bytes(common)
    review_log.head_file(other).write_bytes(review_log.head_file(path).read_bytes())
    written(path, 4)
    written(other, 5, reviewer="bea")
    written(other, 4, decision=Decision.REJECT, reviewer="bea")
    with review_log.opened(path) as log:
        assert log.adopt(review_log.chained(other)[0]) == (2, [key(4)])
        assert log.adopt(review_log.chained(other)[0]) == (0, [])
    entries, head = review_log.read(path)
    assert head.entries == 6
    assert [(entry.key, entry.reviewer) for entry in entries[3:]] == [(key(4), "ada"), (key(5), "bea"), (key(4), "bea")]
    assert entries[4].date == "2026-01-05"


def test_the_repositorys_own_log_holds() -> None:
    own = Path(__file__).resolve().parents[2] / "data" / "seed" / "corpus" / "reviews.jsonl"
    assert own.exists() and review_log.head_file(own).exists()
    review_log.read(own)
