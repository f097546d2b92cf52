"""The stage corpus_profiles: a profile is a mix of the buckets that corpus_mixes defines."""

import polars as pl
import yaml
from click.testing import CliRunner

from stages import corpus_profiles
from tests.corpus.toy_corpus import ROOT, add_source, made, rows, write_params

SHARES = {
    "claude_behavior": (45, 22, 12, 8, 5, 5, 2, 1),
    "chatgpt_behavior": (38, 10, 12, 7, 9, 20, 3, 1),
    "deepseek_search": (28, 5, 4, 3, 25, 15, 12, 8),
    "code_debugging": (15, 60, 3, 2, 5, 12, 2, 1),
    "esoteric_studies": (30, 2, 3, 35, 3, 10, 15, 2),
}
ORDER = ("instruction", "code", "red_team", "creative", "tool_use", "analytical", "factual", "cot_math")


def cut(folder):
    arguments = [
        "--sources", folder / "sources", "--merged", folder / "merged", "--out", folder / "profiles",
        "--metrics", folder / "metrics.json", "--params", folder / "params.yaml",
    ]  # fmt: skip
    return CliRunner().invoke(corpus_profiles.main, list(map(str, arguments)))


def test_the_five_profiles_have_the_shares_that_were_asked_for():
    profiles = yaml.safe_load((ROOT / "params.yaml").read_text())["corpus_profiles"]["profiles"]
    assert {name: tuple(one["weights"][bucket] for bucket in ORDER) for name, one in profiles.items()} == SHARES


def test_a_profile_of_a_corpus_that_has_enough_is_exact_to_the_row(tmp_path):
    kinds = ["instruction", "code", "red_team", "creative", "tool_use", "analytical", "factual", "reasoning_math"]
    for kind in kinds:
        label = {"safety_label": "refusal"} if kind == "red_team" else {}
        add_source(tmp_path, kind, rows(*(f"{kind} {number}" for number in range(130)), **label), category=kind)
    made(tmp_path)
    write_params(tmp_path, corpus_profiles={"scale": 200 / 1_200_000})
    done = cut(tmp_path)
    assert done.exit_code == 0, done.output
    for name, shares in SHARES.items():
        held = pl.read_parquet(tmp_path / "profiles" / name / "*.parquet")
        total = 133 if name == "code_debugging" else 200
        counts = dict(held.group_by("_bucket").len().iter_rows())
        assert held.height == total
        for bucket, share in zip(ORDER, shares, strict=True):
            assert abs(counts[bucket] - total * share / 100) < 1, (name, bucket)


def test_a_profile_with_a_bucket_that_is_not_defined_is_one_clear_line(tmp_path):
    add_source(tmp_path, "talk", rows("one"))
    made(tmp_path)
    one = {"rows": 10, "epochs": 1, "learning_rate": 1e-5, "weights": {"poems": 100}, "why": "toy"}
    write_params(tmp_path, corpus_profiles={"profiles": {"poet": one}})
    done = cut(tmp_path)
    assert done.exit_code == 2
    assert "corpus_profiles: poet: no bucket poems" in done.output
