"""What counts as a wording of a benchmark request, and what does not."""

import pytest

from stages.lamp import phrasing
from stages.lamp.held_out import benchmark, benchmark_twin, content_words, held_out_words

# As in the lamp's description.
BENCHMARK = """show a star
draw a smiley face
show an arrow pointing up
draw a house
show a music note
draw a cat face
show a sun
draw a tree
show a lightning bolt
draw a skull
show an analog clock at 3 o'clock
be a pomodoro timer
simulate a sunrise
create a meditation session
party mode
simulate rain and thunder
sleep timer that dims over 30 minutes
countdown from 5
traffic light sequence
romantic evening ambiance
weather display showing sunny and 24 degrees""".splitlines()


def test_the_benchmark_is_the_21_published_requests_in_order(benchmark_path):
    assert [entry.prompt for entry in benchmark(benchmark_path)] == BENCHMARK
    categories = [entry.category for entry in benchmark(benchmark_path)]
    assert categories == ["pixel_art"] * 10 + ["analog_clock"] + ["multi_step"] * 10


def test_each_request_is_its_own_twin_and_no_two_are_the_same(benchmark_path):
    for prompt in BENCHMARK:
        assert benchmark_twin(prompt, benchmark_path) == prompt
    assert set(held_out_words(benchmark_path).values()) == set(BENCHMARK)


def test_no_held_out_wording_is_without_content(benchmark_path):
    assert frozenset() not in held_out_words(benchmark_path)


@pytest.mark.parametrize(
    ("prompt", "twin"),
    [
        ("draw a star", "show a star"),
        ("star please", "show a star"),
        ("can you show me a star", "show a star"),
        ("STAR!", "show a star"),
        ("hey lamp, could you please draw the star for me, thanks", "show a star"),
        ("um, stars?", "show a star"),
        ("a pixel art picture of a star", "show a star"),
        ("I'd like a nice tree right now", "draw a tree"),
        ("a simple house", "draw a house"),
        ("a star again, if you can", "show a star"),
        ("put a house up there", "draw a house"),
        ("smiley faces", "draw a smiley face"),
        ("skulls for me", "draw a skull"),
        ("arrows pointing up", "show an arrow pointing up"),
        ("put up an arrow pointing up right now", "show an arrow pointing up"),
        ("what\u2019s a house", "draw a house"),
        ("smiley", "draw a smiley face"),
        ("a lightning bolt", "show a lightning bolt"),
        ("lightning bolts", "show a lightning bolt"),
        ("the up arrow", "show an arrow pointing up"),
        ("thunder and rain", "simulate rain and thunder"),
        ("count down from 5", "countdown from 5"),
        ("count-down from five", "countdown from 5"),
        ("counting down from five please", "countdown from 5"),
        ("a five second countdown", "countdown from 5"),
        ("an analogue clock at three o'clock", "show an analog clock at 3 o'clock"),
        ("analog clock showing 3:00", "show an analog clock at 3 o'clock"),
        ("a sleep timer that dims over half an hour", "sleep timer that dims over 30 minutes"),
        ("sleep timer that dims over thirty minutes", "sleep timer that dims over 30 minutes"),
        ("be a traffic light", "traffic light sequence"),
        ("sunny and 24 degrees", "weather display showing sunny and 24 degrees"),
        ("be a pomodoro timer please", "be a pomodoro timer"),
        ("make a romantic evening ambiance", "romantic evening ambiance"),
    ],
)
def test_another_wording_of_the_same_is_held_out(benchmark_path, prompt, twin):
    assert benchmark_twin(prompt, benchmark_path) == twin


@pytest.mark.parametrize(
    "prompt",
    [
        "a yellow star on navy",
        "tiny star in the top half",
        "starfish",
        "a falling star",
        "countdown from 6",
        "count down from 15",
        "an analog clock at 4",
        "an arrow pointing down",
        "an arrow pointing right",
        "arrow pointing right",
        "the right arrow",
        "an arrow pointing up and right",
        "sleep timer that dims over 45 minutes",
        "sunny and 25 degrees",
        "cloudy and 24 degrees",
        "a sunset",
        "a birthday party",
        "a red house",
        "christmas tree",
        "rain",
        "",
        "please",
    ],
)
def test_a_request_that_means_something_else_may_be_trained_on(benchmark_path, prompt):
    assert benchmark_twin(prompt, benchmark_path) is None


@pytest.mark.parametrize("spoken", [*phrasing._OPENINGS, *phrasing._ENDINGS])
def test_no_opening_and_no_ending_that_requests_are_given_hides_a_twin(benchmark_path, spoken):
    for entry in benchmark(benchmark_path):
        for wording in (entry.prompt, *entry.also):
            said = wording + spoken if spoken in phrasing._ENDINGS else spoken + wording
            assert benchmark_twin(said, benchmark_path) == entry.prompt, said


def test_content_words_are_lower_case_singulars_with_digits_for_number_words():
    assert content_words("Could you show me TWELVE red Houses, please?") == {"12", "red", "house"}
    assert content_words("show the bus, the glass and the iris") == {"bus", "glass", "iris"}
    assert content_words("twenty fifteen sixty") == {"20", "15", "60"}


def test_the_order_of_words_and_how_often_they_come_do_not_count():
    assert content_words("star, red star") == content_words("red star")


def test_what_is_held_out_beside_the_benchmark_is_read_from_its_file(tmp_path):
    path = tmp_path / "benchmark.yaml"
    path.write_text(
        "- {prompt: show a newt, category: x, meaning: {intent: picture, object: newt}, also: [an eft]}\n"
        "- {prompt: go wild, category: y, meaning: {intent: 'off'}}\n"
    )
    first, second = benchmark(path)
    assert first.also == ("an eft",) and second.also == ()
    assert first.meaning == {"intent": "picture", "object": "newt"}
    assert benchmark_twin("draw some efts", path) == "show a newt"
    assert benchmark_twin("please go wild", path) == "go wild"
    assert benchmark_twin("a star", path) is None
