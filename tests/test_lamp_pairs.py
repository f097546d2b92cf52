"""The stage lamp_pairs: pairs of training rows alone, rows conserved, the same bytes whoever works on them."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import files, lamp_pairs, lamp_trainset, params, workers
from stages.lamp import brief, phrasing, taxonomy, validation
from stages.lamp.asking import RequestFormat
from stages.lamp.flaws import Flaw
from stages.lamp.teachers.rule_based import RuleBased

ROOT = Path(__file__).parent.parent
SEED = ROOT / "data" / "seed"
WORDS = taxonomy.load(SEED)
ASKING = RequestFormat("Be a lamp.", "For: {prompt}", "For: {prompt} Now: {running}")
SECTION = "{seed: 7, rows: 0, pairs_per_row: 2, flaws: [color, tempo, text, subject, request]}"


@pytest.fixture(scope="module")
def rows():
    """A hundred rows of all kinds as they come out of lamp_screened."""
    teacher = RuleBased(WORDS, 7)
    units = [unit for (version, _, _), unit in WORDS.units.items() if version == "v1"]
    requests = [
        one for unit in units for one in phrasing.requests(WORDS, unit, 15, 7, SEED / "benchmark.yaml", "the quota")
    ]
    return [{**request, "response": teacher.response(request)} for request in requests]


@pytest.fixture
def place(tmp_path, rows):
    """A folder with screened rows and the training set made of them."""
    write(tmp_path, rows, rows)
    return tmp_path


def write(folder, screened, trained):
    files.write_rows(folder / "screened.jsonl", screened)
    validation_ids = lamp_trainset.validation_ids(trained, 0.2, 7)
    for name, wanted in (("train.jsonl", False), ("val.jsonl", True)):
        side = (lamp_trainset.chat_row(row, ASKING) for row in trained if (row["id"] in validation_ids) == wanted)
        files.write_rows(folder / "trainset" / name, side)


def run(folder, section=SECTION):
    (folder / "params.yaml").write_text(f"lamp_pairs: {section}\n")
    names = {"trainset": "trainset", "screened": "screened.jsonl", "out": "out/pairs.jsonl"}
    names |= {"metrics": "out/metrics.json", "params": "params.yaml"}
    arguments = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    return CliRunner().invoke(lamp_pairs.main, ["--seed-folder", str(SEED), *arguments])


def made(folder):
    return list(files.read_rows(folder / "out" / "pairs.jsonl"))


def metrics(folder):
    return json.loads((folder / "out" / "metrics.json").read_text())


def ids(folder, side):
    return [row["id"] for row in files.read_rows(folder / "trainset" / f"{side}.jsonl")]


def test_every_pair_is_of_a_training_row_and_no_answer_in_it_is_a_validation_rows(place, rows):
    assert run(place).exit_code == 0
    trained, kept_back = set(ids(place, "train")), set(ids(place, "val"))
    pairs = made(place)
    assert pairs and kept_back
    assert {pair["row"] for pair in pairs} <= trained
    assert not {pair["row"] for pair in pairs} & kept_back
    said = {row["prompt"] for row in rows if row["id"] in kept_back}
    assert not [pair for pair in pairs if pair["prompt"][-1]["content"].removeprefix("For: ") in said]
    steps = {json.dumps(json.loads(row["response"])["program"]["steps"]) for row in rows if row["id"] in kept_back}
    own = {json.dumps(json.loads(row["response"])["program"]["steps"]) for row in rows if row["id"] in trained}
    given = {json.dumps(json.loads(pair["rejected"][0]["content"])["program"]["steps"]) for pair in pairs}
    assert not given & (steps - own)


def test_the_prompt_is_the_chat_of_the_training_row_and_the_chosen_answer_its_own(place):
    run(place)
    chats = {row["id"]: row["messages"] for row in files.read_rows(place / "trainset" / "train.jsonl")}
    for pair in made(place):
        assert [*pair["prompt"], *pair["chosen"]] == chats[pair["row"]]


def test_what_is_written_passes_the_checks_on_one_side_and_fails_them_on_the_other(place, rows):
    run(place)
    meanings = {row["id"]: row["meaning"] for row in rows}
    for pair in made(place):
        chosen, rejected = (validation.parse(pair[side][0]["content"]) for side in ("chosen", "rejected"))
        assert not brief.off_brief(meanings[pair["row"]], chosen, WORDS)
        assert brief.off_brief(meanings[pair["row"]], rejected, WORDS) == pair["reasons"] != []


def test_no_row_is_lost_and_every_row_without_a_pair_is_counted_by_its_reason(tmp_path, rows):
    strange = [
        {**rows[0], "id": "unknown", "meaning": None},
        {**rows[1], "id": "wrong", "response": rows[50]["response"]},
        {**rows[2], "id": "held-out", "prompt": "draw a house"},
    ]
    files.write_rows(tmp_path / "screened.jsonl", [*rows, *strange])
    chats = (lamp_trainset.chat_row(row, ASKING) for row in [*rows, *strange])
    files.write_rows(tmp_path / "trainset" / "train.jsonl", chats)
    files.write_rows(tmp_path / "trainset" / "val.jsonl", [])
    result = run(tmp_path)
    counted, pairs = metrics(tmp_path), made(tmp_path)
    without = counted["rows_without"]
    assert counted["rows"] == len(rows) + 3 == counted["rows_with_pairs"] + sum(without.values())
    assert {reason: without[reason] for reason in ("no_meaning", "chosen_off_brief", "benchmark_request")} == {
        "no_meaning": 1,
        "chosen_off_brief": 1,
        "benchmark_request": 1,
    }
    assert counted["rows_with_pairs"] == len({pair["row"] for pair in pairs})
    assert counted["pairs"] == len(pairs) == len({pair["id"] for pair in pairs})
    assert counted["pairs_by_flaw"] == Counter(pair["flaw"] for pair in pairs)
    assert counted["pairs_by_category"] == Counter(pair["category"] for pair in pairs)
    assert f"{len(pairs)} pairs of {counted['rows_with_pairs']} rows" in result.stdout


def test_the_bytes_are_the_same_with_one_worker_and_with_several(place, monkeypatch):
    monkeypatch.setattr(workers, "WORTH_IT", 20)
    monkeypatch.setattr(workers, "_CHUNK", 7)
    outputs = []
    for count in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", count)
        assert run(place).exit_code == 0
        outputs.append([(place / "out" / name).read_bytes() for name in ("pairs.jsonl", "metrics.json")])
    assert outputs[0] == outputs[1]


def test_a_limit_takes_rows_by_their_hashes_and_counts_the_others(place):
    run(place)
    whole = {pair["id"]: pair for pair in made(place)}
    run(place, SECTION.replace("rows: 0", "rows: 20"))
    assert metrics(place)["rows_without"]["over_limit"] == len(ids(place, "train")) - 20
    fewer = made(place)
    assert 0 < len({pair["row"] for pair in fewer}) <= 20
    assert all(whole[pair["id"]] == pair for pair in fewer)
    run(place, SECTION.replace("rows: 0", "rows: 30"))
    assert {pair["id"] for pair in fewer} <= {pair["id"] for pair in made(place)}


def test_only_the_wanted_flaws_are_made(place):
    run(place, SECTION.replace("[color, tempo, text, subject, request]", "[color]"))
    assert metrics(place)["pairs_by_flaw"].keys() == {"color"}


def test_more_rows_leave_most_pairs_of_the_others_as_they_are(tmp_path, rows):
    write(tmp_path, rows[:-10], rows[:-10])
    run(tmp_path)
    before = {pair["id"]: pair for pair in made(tmp_path)}
    write(tmp_path, rows, rows)
    run(tmp_path)
    after = {pair["id"]: pair for pair in made(tmp_path)}
    assert sum(after.get(identity) == pair for identity, pair in before.items()) > 0.7 * len(before)


# Mistakes --------------------------------------------------------------------------------------------------


def refused(result, *said):
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert all(words in result.stderr for words in said), result.stderr


def test_a_validation_row_among_the_training_rows_is_refused(place):
    first = next(files.read_rows(place / "trainset" / "val.jsonl"))
    with (place / "trainset" / "train.jsonl").open("a") as file:
        file.write(json.dumps(first) + "\n")
    refused(run(place), f"{first['id']} is in val.jsonl too", "dvc repro lamp_trainset")
    assert not (place / "out").exists()


def test_rows_that_were_not_screened_or_were_answered_otherwise_are_refused(tmp_path, rows):
    write(tmp_path, rows[1:], rows)
    refused(run(tmp_path), "is not in", "or with another answer; make both from the same data")
    write(tmp_path, [{**row, "response": "{}"} for row in rows], rows)
    refused(run(tmp_path), "is not in", "or with another answer; make both from the same data")


def test_no_rows_are_refused(tmp_path, rows):
    write(tmp_path, rows, [])
    refused(run(tmp_path), "train.jsonl: no rows to make pairs of")


def test_knobs_that_make_no_sense_are_reported_together(place):
    result = run(place, "{seed: 7, rows: -1, pairs_per_row: 0, flaws: [colour]}")
    refused(result, "rows: ", "pairs_per_row: ", "flaws.0: ", "'color', 'tempo'")
    refused(run(place, SECTION.replace("[color, tempo, text, subject, request]", "[]")), "flaws: ")


def test_the_defaults_make_every_flaw():
    knobs = params.load(lamp_pairs.Params, "lamp_pairs", ROOT / "params.yaml")
    assert set(knobs.flaws) == set(Flaw)
