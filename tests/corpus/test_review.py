"""The command review: asking, listing, deciding without being asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stages.corpus import review_log
from stages.corpus.review import plain, review
from stages.corpus.review_log import Decision
from tests.corpus import safety_corpus as toy
from tests.corpus.safety_corpus import ATTACKS, KEYS


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.made(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def corpus(merged: Path, tmp_path: Path) -> Path:
    return shutil.copytree(merged, tmp_path / "corpus")


def run(corpus: Path, *arguments: str, said: str = "", user: str | None = "ada") -> Any:
    places = {"sources": "sources", "merged": "merged", "reviews": "reviews.jsonl"}
    options = [part for name, place in places.items() for part in (f"--{name}", str(corpus / place))]
    return CliRunner().invoke(review, [*options, *arguments], input=said, env={"USER": user, "COLUMNS": "200"})


def decisions(corpus: Path) -> list[tuple[str, str, str | None, str]]:
    """Key, decision, severity and note of each entry."""
    entries, _ = review_log.read(corpus / "reviews.jsonl")
    return [(entry.key, entry.decision, entry.severity, entry.note) for entry in entries]


def test_each_answer_is_written_down_with_who_gave_it(corpus: Path) -> None:
    done = run(corpus, said="a\nr\nnames the tool\nh\ns\n")
    assert done.exit_code == 0, done.output
    first, second, third = decisions(corpus)
    assert first == (KEYS[2], "accept", "high", "")
    assert second[1:] == ("reject", "medium", "names the tool")
    assert third[1:] == ("relabel", "high", "")
    assert {entry.reviewer for entry in review_log.read(corpus / "reviews.jsonl")[0]} == {"ada"}
    assert "3 decided, 1 waiting" in done.output


def test_a_row_is_shown_with_its_request_answer_labels_and_key(corpus: Path) -> None:
    shown = run(corpus, said="q\n").output
    for text in (ATTACKS[2]["prompt"], ATTACKS[2]["response"], KEYS[2], "refusal", "severity high", "1 of 4"):
        assert text in shown
    assert ATTACKS[0]["prompt"] not in shown


def test_the_severity_that_a_row_has_already_is_no_relabelling(corpus: Path) -> None:
    run(corpus, said="h\nq\n")
    assert decisions(corpus) == [(KEYS[2], "accept", "high", "")]


def test_a_second_session_goes_on_with_what_is_left(corpus: Path) -> None:
    run(corpus, said="a\nq\n")
    shown = run(corpus, said="a\na\na\n").output
    assert "1 of 3" in shown
    assert ATTACKS[2]["prompt"] not in shown
    assert sorted(key for key, *_ in decisions(corpus)) == sorted(KEYS)
    assert "0 decided, 0 waiting" in run(corpus).output


def test_what_was_decided_stays_if_the_input_ends(corpus: Path) -> None:
    done = run(corpus, said="a\nr\n")
    assert done.exit_code == 0
    assert [decision for _, decision, *_ in decisions(corpus)] == ["accept"]
    assert "1 decided, 3 waiting" in done.output


def test_another_answer_is_asked_for_again(corpus: Path) -> None:
    run(corpus, said="yes\n\na\nq\n")
    assert decisions(corpus) == [(KEYS[2], "accept", "high", "")]


def test_who_decides_is_the_option_or_the_user_and_somebody(corpus: Path) -> None:
    run(corpus, "--reviewer", "bea", said="a\nq\n")
    assert review_log.read(corpus / "reviews.jsonl")[0][0].reviewer == "bea"
    for arguments in ((), ("--decide", KEYS[0], "accept"), ("--reviewer", " ")):
        done = run(corpus, *arguments, said="a\n", user=None)
        assert done.exit_code == 2
        assert "who decides?" in done.output
    assert len(decisions(corpus)) == 1


def test_the_list_shows_how_many_wait_by_source_and_severity(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    done = run(corpus, "--list")
    assert done.exit_code == 0
    cells = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in done.output.splitlines() if "│" in line}
    assert [cell.strip() for cell in cells["attacks"]] == ["1", "1", "0", "0", "2", "1"]
    assert [cell.strip() for cell in cells["talk"]] == ["0", "1", "0", "0", "1", "0"]
    assert [cell.strip() for cell in cells["all"]] == ["1", "2", "0", "0", "3", "1"]


def test_a_row_is_decided_on_without_being_asked(corpus: Path) -> None:
    for arguments in (
        ("--decide", KEYS[0][:10], "reject", "--note", "leaks a name"),
        ("--decide", KEYS[1], "relabel", "--severity", "low"),
    ):
        done = run(corpus, *arguments)
        assert done.exit_code == 0, done.output
    assert decisions(corpus) == [(KEYS[0], "reject", "low", "leaks a name"), (KEYS[1], "relabel", "low", "")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--decide", "0" * 40, "accept"), "no rows of the safety bucket have it"),
        (("--decide", KEYS[0], "relabel"), "--severity goes with relabel"),
        (("--decide", KEYS[0], "accept", "--severity", "low"), "--severity goes with relabel"),
        (("--list", "--verify"), "give one of them"),
        (("--adopt", "missing.jsonl"), "missing.jsonl: no such file"),
        (("--decide", KEYS[0], "perhaps"), "perhaps"),
    ],
)
def test_a_mistake_ends_in_one_line_and_nothing_is_written(corpus: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(corpus, *arguments)
    assert done.exit_code == 2
    assert says in done.output
    assert decisions(corpus) == []


def test_verifying_tells_a_whole_log_from_a_changed_one(corpus: Path) -> None:
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    toy.decide(corpus, KEYS[0], Decision.REJECT)
    shutil.rmtree(corpus / "merged")  # which it does not need
    done = run(corpus, "--verify")
    assert (done.exit_code, "2 decisions on 1 rows, the chain holds" in done.output) == (0, True)
    log = corpus / "reviews.jsonl"
    log.write_bytes(log.read_bytes().replace(b"reject", b"accept"))
    done = run(corpus, "--verify")
    assert done.exit_code == 2
    assert "restore both files" in done.output


def test_decisions_of_another_branch_are_taken_over(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    toy.decide(tmp_path / "other", KEYS[0], Decision.REJECT)
    toy.decide(corpus, KEYS[0], Decision.ACCEPT)
    done = run(corpus, "--adopt", str(tmp_path / "other" / "reviews.jsonl"))
    assert done.exit_code == 0
    assert "1 decisions taken over" in done.output
    assert f"{KEYS[0]}: was decided otherwise here" in done.output
    assert [decision for _, decision, *_ in decisions(corpus)] == ["accept", "reject"]


def test_text_of_a_row_cannot_control_the_terminal() -> None:
    assert plain("a\x1b[2Jb\u202ec\u200bd\te\n[bold]ü").plain == "a\ufffd[2Jb\ufffdc\ufffdd\te\n[bold]ü"
