"""The stage lamp_screened: seen = kept + rejected, and every reject with its reasons."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import lamp_screened, params

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"


def program(color="#FF0000", **more):
    command = {"type": "pattern", "name": "solid", "params": {"color": color, **more}}
    return {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}


def wave(speed):
    params = {"color": "#0000FF", "color2": "#00FFFF", "speed": speed}
    command = {"type": "pattern", "name": "wave", "params": params}
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
        row("again", "  Something   RED "),
        row("long", "something long", long),
        row("off", "solid blue", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]}),
        row("on", "solid red", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#FF0000"]}),
    ]
    kept, rejected = screened(tmp_path, *rows)
    assert kept == ["good", "on"]
    assert {identity: len(reasons) for identity, reasons in rejected.items()} == dict.fromkeys(
        ["invalid", "no-json", "foreign", "twin", "again", "long", "off"], 1
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
        "bad-color": 1, "benchmark-request": 1, "duplicate-request": 1, "foreign-dialect": 1, "not-json": 1,
        "off-brief": 1, "too-long": 1,
    }  # fmt: skip
    assert metrics(tmp_path)["kept_by_category"] == {"toy": 2}


def test_a_rejected_row_is_written_as_it_came(tmp_path):
    bad = row("bad", "red", '{"program" : 1}', meaning={"intent": "off"}, extra=[1])
    screened(tmp_path, bad)
    [rejected] = read(tmp_path, "rejected.jsonl")
    assert rejected.pop("reasons") and rejected == bad


@pytest.mark.parametrize("odd", [5, None, True, ["red"], program()])
@pytest.mark.parametrize("key", ["prompt", "category", "response"])
def test_a_request_or_an_answer_that_is_no_text_is_rejected_as_it_came(tmp_path, key, odd):
    bad = {**row("odd", "blue"), key: odd}
    kept, rejected = screened(tmp_path, row("good", "red"), bad)
    assert kept == ["good"]
    assert rejected == {"odd": ["id, prompt, category and response must be strings"]}
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


def test_an_answer_of_exactly_the_allowed_length_is_kept(tmp_path):
    length = lamp_screened.token_bound(json.dumps(program(), separators=(",", ":")))
    assert screened(tmp_path, row("a", "red", program()), max_tokens=length)[0] == ["a"]
    assert screened(tmp_path, row("a", "red", program()), max_tokens=length - 1)[0] == []


def test_single_digits_and_letters_by_threes_are_what_a_token_holds_at_least():
    assert lamp_screened.token_bound('"speed":3000') == 1 + 2 + 1 + 4


def test_a_request_that_is_nearly_an_earlier_one_is_rejected_and_names_it(tmp_path):
    first = row("first", "could you please make the whole lamp glow in a very soft and very calm blue for tonight")
    second = row("second", "could you please make the whole lamp glow in a very soft and very calm blue for tonight ok")
    kept, rejected = screened(tmp_path, first, second)
    assert kept == ["first"] and rejected["second"] == [f"an earlier row asks nearly the same: {first['prompt']!r}"]
    assert screened(tmp_path, first, second, near_duplicate=0.99)[0] == ["first", "second"]


def test_a_follow_up_may_be_said_over_several_running_programs_but_not_twice_over_one(tmp_path):
    slow, slower = (json.dumps(wave(speed), separators=(",", ":")) for speed in (2000, 4000))
    fast = json.dumps(wave(1000), separators=(",", ":"))
    meaning = {"intent": "mood", "mood": "calm", "change": "slower"}
    rows = [
        row("one", "slower", slower, meaning=meaning, running=slow),
        row("other", "slower", slow, meaning=meaning, running=fast),
        row("again", "Slower!", slower, meaning=meaning, running=slow),
        row("not", "slower please", slow, meaning=meaning, running=slow),
    ]
    kept, rejected = screened(tmp_path, *rows)
    assert kept == ["one", "other"]
    assert rejected["again"] == ["an earlier row asks the same of the same program"]
    assert rejected["not"] == ["a turn takes 2000 ms, it took 2000"]


@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(tmp_path, monkeypatch, count):
    rows = [row(f"r{n}", f"wish number {n} of the {n % 7} kind", program(f"#{n:06X}")) for n in range(450)]
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")
    run(tmp_path, *rows)
    alone = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setenv("LAMPFORGE_WORKERS", str(count))
    run(tmp_path, *rows)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == alone


def test_the_length_counts_without_spaces(tmp_path):
    length = lamp_screened.token_bound(json.dumps(program(), separators=(",", ":")))
    assert screened(tmp_path, row("a", "red", json.dumps(program(), indent=8)), max_tokens=length)[0] == ["a"]


def test_what_is_off_brief_is_kept_when_nobody_minds(tmp_path):
    off = row("off", "blue", meaning={"intent": "pattern", "pattern": "solid", "colors": ["#0000FF"]})
    assert screened(tmp_path, off, on_brief="false")[0] == ["off"]
    assert screened(tmp_path, off, on_brief="true")[0] == []


def test_an_answer_whose_meaning_is_not_known_is_not_held_to_it(tmp_path):
    assert screened(tmp_path, row("a", "blue as the sea"))[0] == ["a"]


def test_remarks_are_counted_but_keep_no_row_out(tmp_path):
    kept, _ = screened(tmp_path, row("a", "red", program(speed=5, depth=2)), row("b", "b", program(speed=1)))
    assert kept == ["a", "b"] and metrics(tmp_path)["remarks"] == {"ignored-param": 2}


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
