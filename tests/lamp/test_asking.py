"""How a request is put to a model."""

from stages.lamp.asking import RequestFormat


def test_a_request_is_wrapped_and_the_system_turn_comes_first():
    asking = RequestFormat("You are a lamp.", "Program for: {prompt}!")
    assert asking.messages("a star") == [
        {"role": "system", "content": "You are a lamp."},
        {"role": "user", "content": "Program for: a star!"},
    ]


def test_braces_in_a_request_or_a_template_are_left_alone():
    asking = RequestFormat("s", '{"json": 1} {prompt}')
    assert asking.messages("{prompt} {0} {x}")[1]["content"] == '{"json": 1} {prompt} {0} {x}'
