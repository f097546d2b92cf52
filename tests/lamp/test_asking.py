"""How a request is put to a model."""

from stages.lamp.asking import RequestFormat


def test_a_request_is_wrapped_and_the_system_turn_comes_first():
    asking = RequestFormat("You are a lamp.", "Program for: {prompt}!", "{prompt} over {running}")
    assert asking.messages("a star") == [
        {"role": "system", "content": "You are a lamp."},
        {"role": "user", "content": "Program for: a star!"},
    ]


def test_a_follow_up_says_which_program_is_running():
    asking = RequestFormat("You are a lamp.", "Program for: {prompt}!", "{running}\nNow: {prompt}")
    assert asking.messages("slower", '{"program":1}') == [
        {"role": "system", "content": "You are a lamp."},
        {"role": "user", "content": '{"program":1}\nNow: slower'},
    ]


def test_braces_in_a_request_or_a_template_are_left_alone():
    asking = RequestFormat("s", '{"json": 1} {prompt}', "{0} {prompt} {running}")
    assert asking.messages("{prompt} {0} {x}")[1]["content"] == '{"json": 1} {prompt} {0} {x}'
    assert asking.messages("{0} {x}", '{"a":{}}')[1]["content"] == '{0} {0} {x} {"a":{}}'


def test_what_stands_in_a_request_is_not_taken_for_a_place_of_the_template():
    asking = RequestFormat("s", "{prompt}", "{prompt} over {running}")
    assert asking.messages("the word {running}", "{}")[1]["content"] == "the word {running} over {}"
    assert asking.messages("slower", "{prompt}")[1]["content"] == "slower over {prompt}"


def test_without_a_system_prompt_there_is_no_system_turn():
    asking = RequestFormat("", "Program for: {prompt}!", "{prompt} over {running}")
    assert asking.messages("a star") == [{"role": "user", "content": "Program for: a star!"}]
    assert asking.messages("slower", "{}") == [{"role": "user", "content": "slower over {}"}]
