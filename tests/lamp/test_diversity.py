"""Facts of rows and figures of a data set, on rows that are made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages.lamp import diversity, taxonomy
from stages.lamp.diversity import Census, Facts, facts, figures, tables
from stages.lamp.pixel_art import elements
from stages.lamp.taxonomy import Taxonomy

SEED = Path(__file__).parents[2] / "data" / "seed"
SOLID = {"type": "pattern", "name": "solid", "params": {"color": "#FF0000"}}


@pytest.fixture(scope="module")
def taxonomy_() -> Taxonomy:
    return taxonomy.load(SEED)


def program(*commands: dict[str, Any], name: str = "n") -> str:
    steps = [{"id": f"s{at}", "command": command, "duration": 1000} for at, command in enumerate(commands or (SOLID,))]
    steps[-1]["duration"] = None
    return json.dumps({"program": {"name": name, "steps": steps}})


def moving(name: str, speed: int) -> dict[str, Any]:
    return {"type": "pattern", "name": name, "params": {"speed": speed}}


def picture(words: Taxonomy, name: str) -> dict[str, Any]:
    return {"type": "render", "elements": elements(words.pictures[name])}


def row(prompt: str = "red", response: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": prompt, "prompt": prompt, "category": "toy", "response": response or program(), **more}


def new(prompt: str, **more: Any) -> dict[str, Any]:
    return row(prompt, version="v2", subcategory="part", **more)


def census(words: Taxonomy, *rows: dict[str, Any]) -> Census:
    return Census([facts(one, words) for one in rows], words.trained_pictures())


def figure(words: Taxonomy, name: str, *rows: dict[str, Any]) -> Any:
    return figures(census(words, *rows), 0.9)[name]


# Rows -------------------------------------------------------------------------------------------------------


def test_an_imported_row_has_the_facts_that_need_no_meaning(taxonomy_: Taxonomy) -> None:
    known = facts(row("a red lamp"), taxonomy_)
    assert (known.version, known.intent, known.objects, known.subcategory, known.template) == ("v1", None, (), "", "")
    assert (known.steps, known.tempo, known.families, known.language) == (1, "still", {"red"}, "en")


def test_objects_are_found_in_the_parts_of_a_sequence_too(taxonomy_: Taxonomy) -> None:
    parts = [{"intent": "picture", "object": "fox"}, {"intent": "pattern", "pattern": "solid"}]
    meaning = {"intent": "sequence", "parts": [*parts, {"intent": "picture", "object": "owl"}]}
    assert facts(row(meaning=meaning), taxonomy_).objects == ("fox", "owl")


@pytest.mark.parametrize(
    ("commands", "tempo"),
    [
        ([SOLID], "still"),
        ([SOLID, SOLID], "steps"),
        ([moving("wave", 5000)], "slow"),
        ([SOLID, moving("breathing", 2000)], "medium"),
        ([moving("pulse", 300), moving("wave", 5000)], "fast"),
        ([{"type": "pattern", "name": "wave", "params": {}}], "medium"),
    ],
)
def test_the_tempo_is_that_of_the_first_pattern_that_moves(
    taxonomy_: Taxonomy, commands: list[dict[str, Any]], tempo: str
) -> None:
    assert facts(row(response=program(*commands)), taxonomy_).tempo == tempo


def test_the_shape_is_what_stands_out_whatever_its_colour(taxonomy_: Taxonomy) -> None:
    fox = taxonomy_.pictures["fox"]
    shapes = {
        facts(row(response=program({"type": "render", "elements": elements(one)})), taxonomy_).shape
        for one in (fox, fox.recoloured("#00FF00"))
    }
    [shape] = shapes
    assert shape is not None and shape.bit_count() == len(fox.mask())
    assert facts(row(response=program(SOLID)), taxonomy_).shape is None
    fill = {"type": "render", "elements": [{"type": "fill", "color": "#FF0000"}]}
    assert facts(row(response=program(fill)), taxonomy_).shape is None


def test_alpha_is_no_part_of_a_colours_family(taxonomy_: Taxonomy) -> None:
    command = {"type": "pattern", "name": "gradient", "params": {"color": "#0000FF80", "color2": "#0F0"}}
    assert facts(row(response=program(command)), taxonomy_).families == {"blue", "green"}


def test_a_heart_is_unasked_unless_words_meaning_or_scene_ask_for_it(taxonomy_: Taxonomy) -> None:
    heart = program(SOLID, picture(taxonomy_, "heart"))
    scene = next(name for name, one in taxonomy_.scenes.items() if "heart" in one.expect.get("pictures", ()))

    def unasked(prompt: str, response: str = heart, **more: Any) -> bool:
        return facts(row(prompt, response, **more), taxonomy_).unasked_heart

    assert unasked("draw a fox")
    assert unasked("draw a fox", meaning={"intent": "picture", "object": "fox"})
    assert not unasked("draw a Heart")
    assert not unasked("dibuja un corazón")
    assert not unasked("love is in the air")
    assert not unasked("the symbol", meaning={"intent": "picture", "object": "heart"})
    assert not unasked("the moment", meaning={"intent": "scene", "scene": scene})
    assert not unasked("that but slower", running=heart)
    assert not unasked("draw a fox", program(picture(taxonomy_, "fox")))


def test_a_picture_that_was_asked_for_is_no_heart_however_it_looks(taxonomy_: Taxonomy) -> None:
    for name in taxonomy_.trained_pictures():
        response = program(picture(taxonomy_, name))
        known = facts(row("that one", response, meaning={"intent": "picture", "object": name}), taxonomy_)
        assert not known.unasked_heart, name


# Figures ----------------------------------------------------------------------------------------------------


def test_every_figure_of_nothing_is_zero_or_unknown(taxonomy_: Taxonomy) -> None:
    empty = figures(Census([], []), 0.9)
    assert set(empty.values()) == {0, None}


def test_figures_are_flat_and_the_same_ones_for_every_set(taxonomy_: Taxonomy) -> None:
    some = figures(census(taxonomy_, row()), 0.9)
    assert list(some) == list(figures(Census([], []), 0.9))
    assert all(value is None or isinstance(value, int | float) for value in some.values())


def test_requests_are_counted_by_version_and_those_over_a_program_apart(taxonomy_: Taxonomy) -> None:
    known = figures(census(taxonomy_, row("a"), new("b"), new("c"), new("c", running=program())), 0.9)
    counts = (known["rows"], known["requests_v1"], known["requests_v2"], known["rows_over_a_program"])
    assert counts == (4, 1, 2, 1)
    assert known["exact_duplicates"] == 0


def test_case_and_punctuation_do_not_make_a_request_new(taxonomy_: Taxonomy) -> None:
    rows = [row("Warm light"), row("warm, light!"), row("cold light")]
    assert figure(taxonomy_, "exact_duplicates", *rows) == 1


def test_a_pair_of_nearly_equal_requests_is_counted_once_and_the_highest_similarity_told(taxonomy_: Taxonomy) -> None:
    long = "please draw a small green frog on a dark blue ground and leave it on all night"
    rows = [row(long), row(long + " long"), row("something else entirely"), row(long)]
    known = figures(census(taxonomy_, *rows), 0.9)
    assert known["near_duplicate_pairs"] == 1
    assert 0.9 < known["highest_similarity"] < 1
    assert figures(census(taxonomy_, *rows), 0.99)["near_duplicate_pairs"] == 0


def test_word_lengths_are_shares_of_the_new_requests_alone(taxonomy_: Taxonomy) -> None:
    rows = [row("one " * 20), new("one two three"), new("1 2 3 4"), new("a " * 8), new("b " * 9)]
    known = figures(census(taxonomy_, *rows), 0.9)
    assert [known[f"words_{name}_v2"] for name in ("1_to_3", "4_to_8", "9_up")] == [0.25, 0.5, 0.25]
    assert (known["mean_words_v1"], known["mean_words_v2"]) == (20, 6)


def test_the_largest_template_is_a_share_of_the_rows_that_have_one(taxonomy_: Taxonomy) -> None:
    rows = [row("a"), *(new(name, template=name[0]) for name in ("xa", "xb", "ya"))]
    assert figure(taxonomy_, "largest_template", *rows) == pytest.approx(2 / 3, abs=1e-4)
    assert figure(taxonomy_, "largest_template", row("a")) is None


def test_timers_are_a_share_of_multi_step_requests_with_a_meaning(taxonomy_: Taxonomy) -> None:
    rows = [row(intent, meaning={"intent": intent}) for intent in ("timer", "scene", "countdown", "cycle")]
    rows = [{**one, "category": "multi_step"} for one in [*rows, row("imported")]]
    assert figure(taxonomy_, "timers_of_multi_step", *rows, row("x", meaning={"intent": "timer"})) == 0.5


def test_objects_count_once_each_and_only_those_of_the_library(taxonomy_: Taxonomy) -> None:
    names = ["fox", "fox", "owl", "no such thing"]
    rows = [row(f"{at}", meaning={"intent": "picture", "object": name}) for at, name in enumerate(names)]
    known = figures(census(taxonomy_, *rows), 0.9)
    assert (known["objects_drawn"], known["objects_in_library"]) == (2, len(taxonomy_.trained_pictures()))


def test_the_commonest_shape_is_a_share_of_the_answers_that_begin_with_a_picture(taxonomy_: Taxonomy) -> None:
    drawn = [row(name + str(at), program(picture(taxonomy_, name))) for at, name in enumerate(("fox", "fox", "owl"))]
    assert figure(taxonomy_, "commonest_shape", *drawn, row("plain")) == pytest.approx(2 / 3, abs=1e-4)


def test_a_program_counts_as_repeated_from_its_second_row_on_and_over_a_program_apart(taxonomy_: Taxonomy) -> None:
    other = program(SOLID, name="other")
    over = [new(prompt, running=program()) for prompt in "xyz"]
    known = figures(census(taxonomy_, row("a"), row("b"), row("c", other), row("d", program(SOLID, SOLID)), *over), 0.9)
    assert known["identical_programs"] == 0.25
    assert known["identical_lights"] == 0.5
    assert known["identical_programs_over"] == pytest.approx(2 / 3, abs=1e-4)


def test_tempos_are_shares_of_all_programs(taxonomy_: Taxonomy) -> None:
    known = figures(census(taxonomy_, row("a"), row("b", program(moving("wave", 100)))), 0.9)
    assert [known[f"tempo_{tempo}"] for tempo in diversity.TEMPOS] == [0.5, 0, 0, 0, 0.5]


# Tables -----------------------------------------------------------------------------------------------------


def test_tables_have_every_value_of_their_axis_and_shares_that_sum_to_a_hundred(taxonomy_: Taxonomy) -> None:
    fox = {"intent": "picture", "object": "fox"}
    many = program(*[SOLID] * 30)
    rows = [row("one two three four", meaning=fox), row("one", many), new("a b"), new("a", running=program())]
    found = tables(census(taxonomy_, *rows))
    assert found["words_v1"] == (("words", "requests"), [(1, 50.0), (2, 0.0), (3, 0.0), (4, 50.0)])
    assert found["words_v2"][1] == [(1, 0.0), (2, 100.0)]
    assert found["objects"][1][0] == (1, 1, "fox")
    assert len(found["objects"][1]) == len(taxonomy_.trained_pictures())
    assert ("picture", 1) in found["intents"][1] and ("clock", 0) in found["intents"][1]
    assert found["steps"][1][0] == (1, 75.0) and found["steps"][1][-1] == (12, 25.0)
    assert dict(found["colors"][1])["red"] == 100.0
    assert all(len(line) == len(header) for header, lines in found.values() for line in lines)


def test_counts_are_by_category_and_sub_category(taxonomy_: Taxonomy) -> None:
    known = census(taxonomy_, row("a"), row("b", meaning={"intent": "off"}), new("c"), new("c", running=program()))
    assert known.counts() == {
        ("toy", ""): {"v1": 1},
        ("toy", "off"): {"v1": 1},
        ("toy", "part"): {"v2": 1, "over": 1},
    }


def test_facts_can_be_sent_to_another_process(taxonomy_: Taxonomy) -> None:
    import pickle

    known = facts(row(), taxonomy_)
    assert pickle.loads(pickle.dumps(known)) == known and isinstance(known, Facts)
