"""`lampforge cost`: the estimate, before anything is spent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages.lamp.teachers.answer_store import peek
from stages.lamp.teachers.anthropic_teacher import answers
from stages.lamp.teachers.anthropic_teacher import program_setting as setting_of
from stages.lamp.teachers.cost import Forecast, cost
from tests.lamp.teachers.stand_in import Fault

ROOT = Path(__file__).parents[3]
PROGRAM = '{"program":{"name":"x","steps":[{"id":"s1","command":{"type":"stop"},"duration":null}]}}'


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)


def estimate(folder: Path, listed: list[dict[str, Any]], *arguments: str, responses: Any = None, **changes: Any) -> Any:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]
    values["anthropic"].update({"store": str(folder / "store"), **changes})
    (folder / "params.yaml").write_text(yaml.safe_dump({"lamp_responses": values}))
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    if responses is not None:
        (folder / "responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in responses))
    options = [part for name in ("prompts", "responses") for part in (f"--{name}", str(folder / f"{name}.jsonl"))]
    return CliRunner().invoke(cost, [*options, "--params", str(folder / "params.yaml"), *arguments])


def table(shown: str) -> dict[str, list[str]]:
    """The rows of the table, by their first cell."""
    cells = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in shown.splitlines() if "│" in line]
    return {first: others for first, *others in cells}


def requests(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"t-{n}", "prompt": f"some wish number {n}", "version": "v2", "meaning": {"intent": "off"}}
        for n in range(count)
    ]


def test_5000_answers_with_caching_and_batches_cost_at_most_two_fifths_of_the_same_calls_without(tmp_path):
    result = estimate(tmp_path, requests(5000), "--offline")
    assert result.exit_code == 0, result.stderr
    ways = table(result.stdout)
    assert list(ways) == ["one by one", "one by one, cached", "batches", "batches, cached"]
    dearest, cheapest = (float(ways[name][4]) for name in ("one by one", "batches, cached"))
    assert 0 < cheapest <= 0.4 * dearest
    assert ways["batches"][5] == "50%" and ways["one by one"][5] == "100%"
    assert "5,000 answers by claude-opus-4-6" in result.stdout


def test_the_costs_are_the_tokens_times_the_price_table(tmp_path):
    ways = table(estimate(tmp_path, requests(100), "--offline", cache_hit_share=0.9).stdout)
    tokens = {name: [int(cell.replace(",", "")) for cell in cells[:4]] for name, cells in ways.items()}
    plain, cached = tokens["one by one"], tokens["batches, cached"]
    assert plain[0] == sum(cached[:3]) and plain[3] == cached[3] and plain[1] == plain[2] == 0
    assert cached[2] == 9 * cached[1]
    assert float(ways["one by one"][4]) == pytest.approx((plain[0] * 5 + plain[3] * 25) / 1e6, abs=0.01)
    usd = (cached[0] * 5 + cached[1] * 10 + cached[2] * 0.5 + cached[3] * 25) / 1e6 * 0.5
    assert float(ways["batches, cached"][4]) == pytest.approx(usd, abs=0.01)


def test_prices_and_time_to_live_are_those_of_the_parameters(tmp_path):
    dear = float(table(estimate(tmp_path, requests(200), "--offline").stdout)["batches, cached"][4])
    short = float(table(estimate(tmp_path, requests(200), "--offline", cache_ttl="5m").stdout)["batches, cached"][4])
    sonnet = table(estimate(tmp_path, requests(200), "--offline", model="claude-sonnet-4-6").stdout)
    assert short < dear
    assert float(sonnet["batches, cached"][4]) == pytest.approx(0.6 * dear, abs=0.01)


def test_a_prompt_that_is_too_short_for_the_models_cache_is_not_taken_as_cached(tmp_path):
    prices = yaml.safe_load((ROOT / "params.yaml").read_text())["lamp_responses"]["anthropic"]["prices"]
    prices["claude-opus-4-6"]["cached_from"] = 50_000
    result = estimate(tmp_path, requests(10), "--offline", prices=prices)
    assert "No caching: the prompt has" in result.stdout
    ways = table(result.stdout)
    assert ways["one by one, cached"] == ways["one by one"]


def test_one_version_can_be_estimated_alone(tmp_path):
    listed = [*requests(3), {"id": "old", "prompt": "blue", "version": "v1", "meaning": {"intent": "off"}}]
    assert "3 answers by" in estimate(tmp_path, listed, "--offline", "--version", "v2").stdout
    assert "4 answers by" in estimate(tmp_path, listed, "--offline").stdout
    result = estimate(tmp_path, listed, "--offline", "--version", "v9")
    assert result.exit_code == 2 and "no request of version 'v9'; there are v1, v2" in result.stderr


def test_another_teachers_answers_tell_the_length_and_the_follow_ups_over_running_programs(tmp_path):
    listed = requests(2)
    short = [{**row, "response": PROGRAM} for row in listed]
    running = {**listed[1], "id": "t-1-running1", "running": PROGRAM, "response": PROGRAM}
    gone = {**listed[1], "id": "t-9-running1", "running": PROGRAM, "response": PROGRAM}
    result = estimate(tmp_path, listed, "--offline", responses=[*short, running, gone])
    assert "3 answers by" in result.stdout and "answers as long as another teacher's" in result.stdout
    assert int(table(result.stdout)["batches"][3]) == pytest.approx(3 * len(PROGRAM) / 2.45, abs=1)


def test_what_is_paid_for_is_not_estimated_again_and_its_tokens_count(stand_in, knobs, rows, tmp_path):
    list(answers(rows(30), knobs()))
    result = estimate(tmp_path, rows(40), "--offline")
    assert "10 answers by claude-opus-4-6, 30 of 40 are paid for already" in result.stdout
    stored = peek(knobs().store_folder).values()
    mean = sum(answer.usage.output for answer in stored) / 30
    assert int(table(result.stdout)["batches"][3]) == pytest.approx(10 * mean, abs=1)
    assert "answers as long as 30 in the store" in result.stdout
    assert "In the store: 30 answers for $" in result.stdout and "97% of them found the prompt cached" in result.stdout


def test_nothing_is_left_to_estimate_when_all_is_paid_for(stand_in, knobs, rows, tmp_path):
    list(answers(rows(3), knobs()))
    result = estimate(tmp_path, rows(3), "--offline")
    assert result.exit_code == 0 and table(result.stdout)["one by one"][4] == "0.00"


def test_where_a_key_is_set_the_api_counts(stand_in, rows, tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-stand-in")
    result = estimate(tmp_path, rows(50))
    assert result.exit_code == 0, result.stderr
    assert "tokens counted by the API (questions: 20 of 50)" in result.stdout
    assert stand_in.requests == {"count_tokens": 21} and not stand_in.bills


def test_an_api_that_does_not_count_is_one_line_that_names_the_other_way(
    stand_in,
    rows,
    tmp_path,
    monkeypatch,
):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-stand-in")
    stand_in.fault = lambda kind, number: Fault(status=403)
    result = estimate(tmp_path, rows(2))
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "estimate with --offline" in result.stderr


def test_the_guess_is_above_what_the_last_public_tokenizer_made_of_the_prompt(knobs):
    """5,000 tokens of 16,110 characters; the guess takes fewer characters a token."""
    from stages.lamp.teachers.spending import tokens

    system = setting_of(knobs()).system
    assert tokens(system) > len(system) * 5000 / 16110


def test_a_model_without_a_price_and_a_missing_file_are_one_line_each(tmp_path):
    result = estimate(tmp_path, requests(1), "--offline", model="claude-x")
    assert result.exit_code == 2 and "no price for model 'claude-x'" in result.stderr
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    gone = CliRunner().invoke(cost, ["--prompts", str(tmp_path / "gone"), "--params", str(tmp_path / "params.yaml")])
    assert gone.exit_code == 2 and "gone: no such file" in gone.stderr


def test_without_caching_every_call_reads_the_whole_prompt():
    forecast = Forecast(calls=10, prefix=5000, questions=300, answers=2000, source="")
    assert forecast.usage(None, "1h").input == 50_300
    cached = forecast.usage(1.0, "5m")
    assert (cached.cache_write_5m, cached.cache_write_1h, cached.cache_read) == (5000, 0, 45_000)
    assert Forecast(0, 5000, 0, 0, "").usage(0.9, "1h").cache_write_1h == 0
