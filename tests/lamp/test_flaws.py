"""Breaking a right answer: one thing changes, the rest stays, and the choice hangs on the key alone."""

import copy

import pytest

from stages.lamp.color import rgb
from stages.lamp.flaws import CHANGES, Flaw, Ring, Stock, changed
from stages.lamp.validation import validate


def program(*steps, on_complete=None):
    listed = [{"id": f"s{n}", "command": command, "duration": time} for n, (command, time) in enumerate(steps, 1)]
    body = {"name": "n", "steps": listed}
    return {"program": body | ({"on_complete": {"command": on_complete}} if on_complete else {})}


def pattern(name, **params):
    return {"type": "pattern", "name": name, "params": params}


def says(*texts):
    elements = [{"type": "text", "content": text, "x": 0, "y": 1, "color": "#FFFFFF"} for text in texts]
    return {"type": "render", "elements": [{"type": "fill", "color": "#000000"}, *elements]}


WAVE = program((pattern("wave", color="#FF0000", color2="#0000FF", speed=3000), None))
STEPS = program(
    (pattern("solid", color="#FF0000"), 1000),
    (pattern("breathing", color="#00FF00", speed=4000), 60000),
    (says("HI", "YO"), 1000),
    on_complete=pattern("pulse", color="#FF0000", speed=500),
)
OTHERS = [
    program((pattern("wave", color="#FFFF00", color2="#00FFFF", speed=600), 5000)),
    program((pattern("wave", color="#FF1000", color2="#FFFFFF", speed=9000), 300)),
    program((pattern("breathing", color="#800080", speed=900), 300000), (says("OK", "NO", "BYE"), 20)),
    program((pattern("pulse", color="#FFFFFF", speed=100), 1000)),
]
STOCK = Stock.of([WAVE, STEPS, *OTHERS])


def all_of(flaw, right, keys=20):
    return [spoilt for key in range(keys) for spoilt in changed(flaw, right, STOCK, f"7:row-{key}")]


@pytest.mark.parametrize("flaw", CHANGES)
def test_what_comes_out_is_a_valid_program_that_differs_and_the_right_one_stays_as_it_is(flaw):
    before = copy.deepcopy(STEPS)
    spoilt = all_of(flaw, STEPS)
    assert spoilt and before == STEPS
    assert all(one != STEPS and not validate(one) for one in spoilt)


@pytest.mark.parametrize("flaw", CHANGES)
def test_the_choice_hangs_on_the_key_alone(flaw):
    once = list(changed(flaw, STEPS, STOCK, "7:row"))
    assert once == list(changed(flaw, STEPS, Stock.of([*OTHERS[::-1], STEPS, WAVE]), "7:row"))
    different = {str(list(changed(flaw, STEPS, STOCK, f"7:{key}"))) for key in range(30)}
    assert len(different) > 1 or flaw in (Flaw.ORDER, Flaw.TEMPO), "of those two there is one way here"


def test_another_color_is_one_of_the_stock_far_from_the_one_that_goes_and_all_of_that_go():
    for spoilt in all_of(Flaw.COLOR, STEPS):
        steps = spoilt["program"]["steps"]
        red, green = (step["command"]["params"]["color"] for step in steps[:2])
        end = spoilt["program"]["on_complete"]["command"]["params"]["color"]
        text = steps[2]["command"]["elements"]
        shown = {"#FF0000": red, "#00FF00": green, "#000000": text[0]["color"], "#FFFFFF": text[1]["color"]}
        [(gone, came)] = [(was, now) for was, now in shown.items() if was != now]
        assert end == red and text[1]["color"] == text[2]["color"]
        assert sum((a - b) ** 2 for a, b in zip(rgb(gone), rgb(came), strict=True)) > 150**2
        assert came in {color for one in (WAVE, STEPS, *OTHERS) for color in str(one).split("'") if color[0] == "#"}


def test_another_tempo_is_much_faster_or_much_slower_for_all_patterns_and_one_that_another_answer_has():
    found = {
        tuple(
            command["params"]["speed"]
            for command in (spoilt["program"]["steps"][1]["command"], spoilt["program"]["on_complete"]["command"])
        )
        for spoilt in all_of(Flaw.TEMPO, STEPS)
    }
    assert found == {(900, 100)}, "no breathing is slower, so nothing is made slower"
    waves = {spoilt["program"]["steps"][0]["command"]["params"]["speed"] for spoilt in all_of(Flaw.TEMPO, WAVE)}
    assert waves == {600, 9000}


def test_another_time_is_the_same_for_steps_that_lasted_equally_long():
    for spoilt in all_of(Flaw.DURATION, STEPS):
        first, second, third = (step["duration"] for step in spoilt["program"]["steps"])
        assert first == third != 1000
        assert (first * 1.5 <= 1000 and second * 1.5 <= 60000) or (first >= 1500 and second >= 90000)


def test_another_text_is_as_long_and_another_one():
    for spoilt in all_of(Flaw.TEXT, STEPS):
        texts = [element["content"] for element in spoilt["program"]["steps"][2]["command"]["elements"][1:]]
        assert texts[0] != "HI" and texts[1] != "YO" and all(len(text) == 2 for text in texts)


def test_the_reverse_order_moves_what_is_shown_and_leaves_ids_and_times():
    [spoilt] = changed(Flaw.ORDER, STEPS, STOCK, "7:row")
    before, after = STEPS["program"]["steps"], spoilt["program"]["steps"]
    assert [step["command"] for step in after] == [step["command"] for step in before][::-1]
    assert [(step["id"], step["duration"]) for step in after] == [(step["id"], step["duration"]) for step in before]


def test_where_there_is_nothing_of_the_kind_nothing_is_made():
    for flaw in (Flaw.DURATION, Flaw.TEXT, Flaw.ORDER):
        assert not list(changed(flaw, WAVE, STOCK, "7:row"))
    assert not list(changed(Flaw.TEMPO, program((pattern("solid", color="#FF0000"), None)), STOCK, "7:row"))
    assert not list(changed(Flaw.COLOR, program(({"type": "stop"}, None)), STOCK, "7:row"))


# The ring ------------------------------------------------------------------------------------------------------


def test_a_ring_gives_all_of_its_items_once_and_hangs_on_no_order():
    items = [(f"key-{n}", n) for n in range(50)]
    found = list(Ring(items).behind("here"))
    assert sorted(found) == list(range(50)) and found != list(range(50))
    assert list(Ring(items[::-1]).behind("here")) == found


def test_an_item_more_changes_few_choices_and_only_to_itself():
    items = [(f"key-{n}", n) for n in range(50)]
    before, after = Ring(items), Ring([*items, ("new", -1)])
    first = {key: (next(before.behind(str(key))), next(after.behind(str(key)))) for key in range(500)}
    moved = [pair for pair in first.values() if pair[0] != pair[1]]
    assert all(now == -1 for _, now in moved) and 0 < len(moved) < 60


def test_an_empty_ring_gives_nothing():
    assert list(Ring([]).behind("x")) == []
