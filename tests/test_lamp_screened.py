"""The stage lamp_screened: seen = kept + rejected, and every reject with its reasons."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import lamp_screened, params, workers

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"


def program(color="#FF0000", **more):
    command = {"type": "pattern", "name": "solid", "params": {"color": color, **more}}
    return {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}


def row(identity, prompt, response=None, **more):
    response = response if isinstance(response, str) else json.dumps(response or program())
    return {"id": identity, "prompt": prompt, "category": "toy", "response": response, **more}


def run(folder, *rows, max_tokens=2000, near_duplicate=0.9, on_brief="true"):
    section = f"{{max_tokens: {max_tokens}, near_duplicate: {near_duplicate}, on_brief: {on_brief}}}"
    (folder / "params.yaml").write_text(f"lamp_screened: {section}\n")
    if rows:
        (folder / "responses.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    names = {"responses": "responses.jsonl", "out": "out/kept.jsonl", "rejected": "out/rejected.jsonl"}
    names |= {"metrics": "out/metrics.json", "params": "params.yaml"}
    arguments = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    return CliRunner().invoke(lamp_screened.main, ["--seed-folder", str(SEED), *arguments])


def read(folder, name):
    return [json.loads(line) for line in (folder / "out" / name).read_text().splitlines()]


def metrics(folder):
    return json.loads((folder / "out" / "metrics.json").read_text())


def screened(folder, *rows, **knobs):
    """Ids of the kept, and of the rejected with their reasons."""
    result = run(folder, *rows, **knobs)
    assert result.exit_code == 0, result.stderr
    kept, rejected = read(folder, "kept.jsonl"), read(folder, "rejected.jsonl")
    assert len(kept) + len(rejected) == len(rows) == metrics(folder)["seen"]
    assert (metrics(folder)["kept"], metrics(folder)["rejected"]) == (len(kept), len(rejected))
    return [one["id"] for one in kept], {one["id"]: one["reasons"] for one in rejected}


def test_a_good_answer_is_kept_in_compact_form_with_its_values_untouched(tmp_path):
    shuffled = '{ "program": {"steps": [{"duration": null, "command": {"type": "stop"}, "id": "x"}], "name": "ü"}}'
    assert screened(tmp_path, row("a", "go dark", shuffled, extra=1)) == (["a"], {})
    [kept] = read(tmp_path, "kept.jsonl")
    assert kept["response"] == (
        '{"program":{"name":"ü","steps":[{"id":"x","command":{"type":"stop"},"duration":null}]}}'
    )
    assert kept["extra"] == 1


def test_rows_are_conserved_and_every_reason_is_recorded_and_counted(tmp_path):
    long = program()
    long["program"]["steps"] = [{**long["program"]["steps"][0], "id": f"s{n}", "duration": 5} for n in range(90)]
    rows = [
        row("good", "something red"),
        row("invalid", "something else", program("red")),
        row("no-json", "a third", "```json```"),
        row("foreign", "a fourth", {"program": {"name": "n", "steps": [{"command": "blink"}]}}),
        row("twin", "can you show me a star"),
        row("again", "  Something   RED!"),
        row("nearly", "I would really like the whole living room in something red for tonight my dear lamp"),
        row("alike", "I would really like the whole living room in something red for tonight my dear old lamp"),
        row("long", "something long", long),
        row("off", "solid blue", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]}),
        row("on", "solid red", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}),
    ]
    kept, rejected = screened(tmp_path, *rows)
    assert kept == ["good", "nearly", "on"]
    assert {identity: len(reasons) for identity, reasons in rejected.items()} == dict.fromkeys(
        ["invalid", "no-json", "foreign", "twin", "again", "alike", "long", "off"], 1
    )
    said = {
        "invalid": "$.program.steps[0].command.params.color: bad-color: 'red'",
        "no-json": "$: not-json",
        "foreign": "$.program.steps[0].command: foreign-dialect: 'blink'",
        "twin": "held-out benchmark request 'show a star'",
        "again": "an earlier row asks the same",
        "long": "tokens, at most 2000 are allowed",
        "off": "#FF0000 instead of #0000FF",
    }
    assert all(part in rejected[identity][0] for identity, part in said.items())
    assert metrics(tmp_path)["reasons"] == {
        "bad-color": 1, "benchmark-request": 1, "duplicate-request": 1, "foreign-dialect": 1,
        "near-duplicate-request": 1, "not-json": 1, "off-brief": 1, "too-long": 1,
    }  # fmt: skip
    assert metrics(tmp_path)["kept_by_category"] == {"toy": 3}


def test_a_rejected_row_is_written_as_it_came(tmp_path):
    bad = row("bad", "red", '{"program" : 1}', meaning={"intent": "off"}, extra=[1])
    screened(tmp_path, bad)
    [rejected] = read(tmp_path, "rejected.jsonl")
    assert rejected.pop("reasons") and rejected == bad


@pytest.mark.parametrize("odd", [5, None, True, ["red"], program()])
@pytest.mark.parametrize("key", ["prompt", "category", "response", "running"])
def test_a_request_or_an_answer_that_is_no_text_is_rejected_as_it_came(tmp_path, key, odd):
    bad = {**row("odd", "blue"), key: odd}
    kept, rejected = screened(tmp_path, row("good", "red"), bad)
    assert kept == ["good"]
    assert rejected == {"odd": ["id, prompt, category, response and running must be strings"]}
    assert metrics(tmp_path)["reasons"] == {"not-text": 1}
    [written] = read(tmp_path, "rejected.jsonl")
    assert written.pop("reasons") and written == bad


def test_a_row_with_several_faults_has_all_of_them_and_counts_once_for_each_kind(tmp_path):
    two = {"program": {"name": "n", "steps": []}, "x": 1, "y": 2}
    _, rejected = screened(tmp_path, row("two", "a", two), row("red", "b"), row("dup", "show a star"))
    assert len(rejected["two"]) == 3
    assert metrics(tmp_path)["reasons"] == {"benchmark-request": 1, "empty": 1, "unknown-field": 1}


def test_the_first_of_two_equal_requests_is_kept_but_a_rejected_one_is_not_in_its_way(tmp_path):
    kept, rejected = screened(
        tmp_path,
        row("bad", "red", program("red")),
        row("first", "Red"),
        row("second", "red", program("#F00")),
    )
    assert kept == ["first"] and rejected["second"] == ["an earlier row asks the same"]


# Length --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("red", 1), ("orange", 2), ("#FF8C00", 6), ("12", 2), ('{"x":', 3), ("  red  ", 1), ("#:,", 2), ("ü", 1)],
)
def test_tokens_are_digits_three_letters_or_two_signs(text, tokens):
    assert lamp_screened.token_bound(text) == tokens


def test_an_answer_of_exactly_the_allowed_length_is_kept(tmp_path):
    length = lamp_screened.token_bound(json.dumps(program(), separators=(",", ":")))
    assert screened(tmp_path, row("a", "red", program()), max_tokens=length)[0] == ["a"]
    kept, rejected = screened(tmp_path, row("a", "red", program()), max_tokens=length - 1)
    assert (kept, rejected) == ([], {"a": [f"about {length} tokens, at most {length - 1} are allowed"]})


def test_the_length_counts_without_spaces(tmp_path):
    length = lamp_screened.token_bound(json.dumps(program(), separators=(",", ":")))
    assert screened(tmp_path, row("a", "red", json.dumps(program(), indent=8)), max_tokens=length)[0] == ["a"]


# Repetitions ---------------------------------------------------------------------------------------------------

LONG = "could we have a soft and slow {} glow in the living room"


@pytest.mark.parametrize(("limit", "kept"), [(0.7, ["a"]), (0.9, ["a", "b"])])
def test_how_alike_two_requests_may_be_is_a_parameter(tmp_path, limit, kept):
    rows = row("a", LONG.format("blue")), row("b", LONG.format("green"))
    assert screened(tmp_path, *rows, near_duplicate=limit)[0] == kept


def test_a_near_duplicate_is_one_of_what_was_kept_not_of_what_was_rejected(tmp_path):
    rejected = row("a", LONG.format("blue"), program("blue"))
    assert screened(tmp_path, rejected, row("b", LONG.format("blue")))[0] == ["b"]


def test_categories_do_not_keep_equal_requests_apart(tmp_path):
    other = {**row("b", "something red"), "category": "other"}
    assert screened(tmp_path, row("a", "something red"), other)[0] == ["a"]


# Follow-ups ----------------------------------------------------------------------------------------------------

SLOWER = {"intent": "mood", "mood": "calm", "change": "slower"}


def wave(speed, color="#4A90D9"):
    command = {"type": "pattern", "name": "wave", "params": {"color": color, "color2": "#008B8B", "speed": speed}}
    return {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}


def follow_up(identity, prompt, running, response):
    return row(identity, prompt, response, running=json.dumps(running), meaning=SLOWER)


def test_the_same_follow_up_over_other_programs_and_by_itself_is_not_the_same_request(tmp_path):
    rows = (
        row("alone", "slower", wave(5000), meaning=SLOWER),
        follow_up("one", "slower", wave(1000), wave(2000)),
        follow_up("two", "slower", wave(1500), wave(3000)),
        follow_up("again", "Slower!", wave(1000), wave(2000)),
    )
    kept, rejected = screened(tmp_path, *rows)
    assert kept == ["alone", "one", "two"]
    assert rejected == {"again": ["an earlier row asks the same of the same program"]}


def test_a_follow_up_is_checked_against_the_program_that_is_running(tmp_path):
    kept, rejected = screened(
        tmp_path,
        follow_up("slower", "slower", wave(1000), wave(2000)),
        follow_up("faster", "slow down", wave(1000), wave(500)),
        follow_up("other", "not so fast", wave(1000), wave(2000, "#FF0000")),
    )
    assert kept == ["slower"]
    assert rejected == {"faster": ["a turn takes 500 ms, it took 1000"], "other": ["the colours changed"]}


def test_what_is_said_of_a_running_program_may_sound_like_a_benchmark_request(tmp_path):
    said = follow_up("over", "show a star", wave(1000), wave(2000))
    assert screened(tmp_path, said, row("alone", "show a star"))[0] == ["over"]


# Meaning -------------------------------------------------------------------------------------------------------


def test_a_meaning_that_cannot_be_checked_is_a_reason_and_no_crash(tmp_path):
    odd = ({"intent": "juggle"}, {}, {"intent": "mood", "mood": "drilled"}, {"intent": "picture"}, "calm", None, [])
    rows = [row(f"r{n}", f"wish number {n}", meaning=meaning) for n, meaning in enumerate(odd)]
    kept, rejected = screened(tmp_path, *rows)
    assert kept == [] and metrics(tmp_path)["reasons"] == {"bad-meaning": len(odd)}
    assert all(reasons[0].startswith("meaning ") and "cannot be checked" in reasons[0] for reasons in rejected.values())


def test_what_is_off_brief_is_kept_when_nobody_minds(tmp_path):
    off = row("off", "blue", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]})
    assert screened(tmp_path, off, on_brief="false")[0] == ["off"]
    assert screened(tmp_path, off, on_brief="true")[0] == []


def test_an_answer_whose_meaning_is_not_known_is_not_held_to_it(tmp_path):
    assert screened(tmp_path, row("a", "blue as the sea"))[0] == ["a"]


def test_remarks_are_counted_but_keep_no_row_out(tmp_path):
    kept, _ = screened(tmp_path, row("a", "red", program(speed=5, depth=2)), row("b", "b", program(speed=1)))
    assert kept == ["a", "b"] and metrics(tmp_path)["remarks"] == {"ignored-param": 2}


def test_different_programs_are_counted(tmp_path):
    screened(tmp_path, row("a", "red"), row("b", "crimson"), row("c", "blue", program("#0000FF")))
    assert metrics(tmp_path)["different_programs"] == 2


@pytest.mark.parametrize("count", ["2", "3"])
def test_any_number_of_workers_writes_the_same_bytes(tmp_path, monkeypatch, count):
    monkeypatch.setattr(workers, "WORTH_IT", 10)
    rows = [row(f"r{n}", f"wish {n % 37} of {n % 11}", program("red" if n % 5 == 0 else "#FF0000")) for n in range(250)]
    written = []
    for number in ("1", count):
        monkeypatch.setenv("LAMPFORGE_WORKERS", number)
        screened(tmp_path, *rows)
        written.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert written[0] == written[1] and len(read(tmp_path, "kept.jsonl")) > 100


# Mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, -0.5, 1.01])
def test_a_likeness_that_is_none_is_refused(tmp_path, limit):
    result = run(tmp_path, row("a", "red"), near_duplicate=limit)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"lamp_screened.near_duplicate: {float(limit)} is not above 0 and up to 1" in result.stderr


def test_a_broken_row_is_named_by_file_and_line_and_leaves_earlier_outputs_untouched(tmp_path):
    screened(tmp_path, row("a", "red"), row("b", "blue", program("blue")))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "responses.jsonl").write_text(json.dumps(row("c", "c")) + "\n[1]\n")
    result = run(tmp_path)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"{tmp_path / 'responses.jsonl'}:2: a row must be a JSON object" in result.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(before) == ["kept.jsonl", "metrics.json", "rejected.jsonl"]


@pytest.mark.parametrize("key", ["id", "prompt", "category", "response"])
def test_a_row_that_lacks_a_key_is_named_by_file_and_line(tmp_path, key):
    lacking = {name: part for name, part in row("a", "red").items() if name != key}
    result = run(tmp_path, lacking)
    assert result.exit_code == 2 and f"responses.jsonl:1: the row has no {key}" in result.stderr
    assert not (tmp_path / "out").exists()


def test_mistakes_in_the_parameters_are_reported_together(tmp_path):
    (tmp_path / "params.yaml").write_text("lamp_screened: {max_tokens: long, brief: true}")
    result = CliRunner().invoke(lamp_screened.main, ["--params", str(tmp_path / "params.yaml")])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    for said in ("max_tokens: ", "near_duplicate is missing", "on_brief is missing", "brief is unknown"):
        assert said in result.stderr


def test_the_repositorys_own_parameters_are_right():
    knobs = params.load(lamp_screened.Params, "lamp_screened", ROOT / "params.yaml")
    assert knobs.on_brief is True and knobs.max_tokens == 2000 and knobs.near_duplicate == 0.9
