"""Calls of tools as text, read from Python's notation and written as JSON."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake import tool_calls
from tests.corpus.intake.families.mapping import DEEP


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f()]", [call("f")]),
        ("[f(a=1, b='x')]", [call("f", a=1, b="x")]),
        ('[f(a=1), g(b=[1, (2, 3)], c={"d": None})]', [call("f", a=1), call("g", b=[1, (2, 3)], c={"d": None})]),
        (
            '[Market Trends API(a="1"), news/v2.list(b=true)]',
            [call("Market Trends API", a="1"), call("news/v2.list", b=True)],
        ),
        ("[f(a='x, y)', b=\"it's\")]", [call("f", a="x, y)", b="it's")]),
        (r"[f(a='it\'s')]", [call("f", a="it's")]),
        ("[f(a=-1.5e3, b=False, c=null)]", [call("f", a=-1500.0, b=False, c=None)]),
        ("[f(a=AAPL)]", [call("f", a="AAPL")]),
        ("[f(a='two\nlines')]", [call("f", a="two\nlines")]),
        ("[f(a='x=1')]", [call("f", a="x=1")]),
        ("[f( 'a' = 1 ) , g()]", [call("f", a=1), call("g")]),
    ],
)
def test_calls_in_pythons_notation_are_read_with_their_values(text, calls):
    assert tool_calls.calls_in_python(text) == calls


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "f(a=1)",
        "[f(a=1]",
        "[f(1)]",
        "[f(a=)]",
        "[(a=1)]",
        "[f(a=1) g()]",
        "[f(a='x)]",
        "[f(a=1,, b=2)]",
        "[f",
    ],
)
def test_what_is_no_list_of_calls_is_none(text):
    assert tool_calls.calls_in_python(text) is None


def test_a_value_that_json_cannot_carry_stays_text():
    assert tool_calls.calls_in_python("[f(a={1, 2})]") == [call("f", a="{1, 2}")]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("[f(a=1)]", True),
        ("[Web Search(q='x') ]", True),
        ("[f(a='broken)]", True),
        ("[see](https://example.org)", False),
        ("I call [f(a=1)]", False),
        ("[1, 2, (3)]", False),
        ("[1, 2]", False),
    ],
)
def test_only_a_text_that_is_all_calls_looks_like_calls(text, looks):
    assert tool_calls.looks_like_calls(text) is looks


def test_a_prompt_asks_for_json_where_it_asked_for_python_and_keeps_all_else():
    prompt = (
        'Use the format [func_name1(a=b...), func_name2(params)]. Tools: [{"name": "func(x)"}] or [ApiName(k=\'v\')].'
    )
    shown = '[{"name": "function", "arguments": {"parameter": "value"}}]'
    said = f'Use the format {shown}. Tools: [{{"name": "func(x)"}}] or {shown}.'
    assert tool_calls.in_json_notation(prompt) == (said, 2)


def test_the_tools_prompt_holds_the_tools_as_they_are():
    tools = [{"name": "f", "description": "schön"}]
    prompt = tool_calls.tools_prompt(tools)
    assert orjson.loads(prompt.split("\n")[1]) == tools
    assert prompt.endswith(tool_calls.CALL_FORMAT)


@pytest.mark.parametrize("value", [DEEP, "\ud800", 1 << 70])
def test_what_json_cannot_carry_has_no_text(value):
    assert tool_calls.json_text(value) is None
    assert tool_calls.tools_prompt(value) is None


@pytest.mark.parametrize(
    "value", [None, {}, [None], [{"name": "f"}], [{"name": 1, "arguments": {}}], [{"name": "f", "arguments": "{}"}]]
)
def test_a_call_has_a_name_and_arguments(value):
    assert not tool_calls.is_calls(value)
    assert tool_calls.is_calls([{"name": "f", "arguments": {}}])


@given(st.text(alphabet="[](){}fa=,'\"\\ 1", max_size=30))
def test_no_text_raises(text):
    tool_calls.looks_like_calls(text)
    calls = tool_calls.calls_in_python(text)
    assert calls is None or tool_calls.is_calls(calls)
