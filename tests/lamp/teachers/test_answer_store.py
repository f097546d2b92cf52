"""The store of paid answers: one file for each, written once."""

import json

import pytest

from stages.errors import UserError
from stages.lamp.teachers.answer_store import Answer, opened, peek
from stages.lamp.teachers.spending import Usage

ANSWER = Answer("{}", "end_turn", Usage(input=10, output=20), 0.5, "model", "msg_1", "batch-1")
KEY = "ab" + "0" * 62
MESSAGES = [{"role": "user", "content": "wish"}]


def test_an_answer_is_one_file_that_says_what_was_asked_and_what_it_cost(tmp_path):
    with opened(tmp_path) as store:
        assert store.get(KEY) is None and store.spent_usd == 0
        store.put(KEY, MESSAGES, "setting", ANSWER)
        assert store.get(KEY) == ANSWER and store.spent_usd == 0.5
    [path] = tmp_path.glob("answers/*/*")
    assert path == tmp_path / "answers" / "ab" / f"{KEY}.json"
    record = json.loads(path.read_text())
    assert (record["messages"], record["setting"], record["usd"]) == (MESSAGES, "setting", 0.5)
    assert record["usage"]["output"] == 20
    with opened(tmp_path) as store:
        assert store.get(KEY) == ANSWER and store.spent_usd == 0.5
    assert peek(tmp_path) == {KEY: ANSWER}


def test_an_answer_is_never_written_again(tmp_path):
    with opened(tmp_path) as store:
        store.put(KEY, MESSAGES, "setting", ANSWER)
        with pytest.raises(AssertionError):
            store.put(KEY, MESSAGES, "setting", ANSWER)


def test_what_a_killed_run_leaves_half_written_is_no_answer(tmp_path):
    (tmp_path / "answers" / "ab").mkdir(parents=True)
    (tmp_path / "answers" / "ab" / f".{KEY}.json.tmp").write_text('{"text": "half')
    with opened(tmp_path) as store:
        assert store.get(KEY) is None
        store.put(KEY, MESSAGES, "setting", ANSWER)
    assert [path.name for path in (tmp_path / "answers" / "ab").iterdir()] == [f"{KEY}.json"]


def test_losses_and_calls_without_an_answer_count_as_spent(tmp_path):
    with opened(tmp_path) as store:
        store.put(KEY, MESSAGES, "setting", ANSWER)
        store.ledger.lost(KEY, 0.25)
        assert store.spent_usd == 0.75
        store.ledger.calling("cd" + "0" * 62, 0.125)
    with opened(tmp_path) as store:
        assert store.spent_usd == 0.875 and list(store.cut_off.values()) == [0.125]


def test_a_second_run_with_the_same_store_is_refused(tmp_path):
    with opened(tmp_path), pytest.raises(UserError, match="another run is asking with this store"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


@pytest.mark.parametrize("content", ["{half", "{}", '{"text": "x", "usage": {"tokens": 1}}'])
def test_a_file_that_is_no_answer_is_named(tmp_path, content):
    path = tmp_path / "answers" / "ab" / f"{KEY}.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(UserError, match=f"{KEY}.json: no answer"), opened(tmp_path):
        pass


def test_what_the_calls_share_is_kept_once(tmp_path):
    with opened(tmp_path) as store:
        store.describe("digest", {"system": "long"})
        store.describe("digest", {"system": "another"})
    assert json.loads((tmp_path / "settings" / "digest.json").read_text()) == {"system": "long"}
