"""Conversations in which the assistant calls tools and reads what they return."""

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.tool_chat import FAMILY, Options, Schema, map_item
from stages.corpus.intake.tool_calls import CALL_FORMAT, calls_in_python
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families import mapping
from tests.corpus.intake.families.mapping import DEEP, JUNK, rejected, texts

SYSTEM = 'SYSTEM: You are a helpful assistant with access to the following functions. -\n{"name": "f"}\n'
SHOWN = '[{"name": "function", "arguments": {"parameter": "value"}}]'


def glaive(chat, system=SYSTEM):
    return map_item({"system": system, "chat": chat}, Options(Schema.GLAIVE))


def called(call):
    """What a glaive chat's only call becomes."""
    found = glaive(f"USER: q\n\n\nASSISTANT: <functioncall> {call} <|endoftext|>")
    return found.output if isinstance(found, Row) else rejected(found)


def toolace(*turns, system="Format: [func1(params_name=params_value)]"):
    record = {"system": system, "conversations": [{"from": role, "value": value} for role, value in turns]}
    return map_item(record, Options(Schema.TOOLACE))


# Glaive ------------------------------------------------------------------------------------------------------


def test_all_turns_are_kept_and_what_the_function_returned_is_said_by_the_user():
    row = glaive(
        "USER: Tip on 40?\n\n\n"
        'ASSISTANT: <functioncall> {"name": "tip", "arguments": \'{"bill": 40}\'} <|endoftext|>\n\n\n'
        'FUNCTION RESPONSE: {"tip": 4}\n\n\nASSISTANT: 4 euros. <|endoftext|>\n\n\n'
        "USER: Thanks\nso much!\n\n\nASSISTANT: Welcome. <|endoftext|>\n\n\n"
    )
    assert texts(row) == [
        "Tip on 40?",
        '[{"name":"tip","arguments":{"bill":40}}]',
        'Function response: {"tip": 4}',
        "4 euros.",
        "Thanks\nso much!",
        "Welcome.",
    ]


def test_the_system_prompt_loses_its_mark_and_says_how_calls_are_written():
    row = glaive("USER: a\nASSISTANT: b")
    assert row.system == f"{SYSTEM.removeprefix('SYSTEM: ').strip()}\n\n{CALL_FORMAT}"


def test_without_functions_nothing_is_said_of_calls():
    assert glaive("USER: a\nASSISTANT: b", system="SYSTEM: No functions.\n").system == "No functions."


def test_speakers_are_sought_at_the_beginning_of_a_line_only():
    row = glaive("USER: What is a USER: mark?\n\nASSISTANT: It says USER: or ASSISTANT: before a turn.")
    assert texts(row) == ["What is a USER: mark?", "It says USER: or ASSISTANT: before a turn."]


def test_what_the_assistant_says_before_a_call_is_kept():
    assert called("""{"name": "f", "arguments": '{"a": 1}'}""") == '[{"name":"f","arguments":{"a":1}}]'
    row = glaive("""USER: q\nASSISTANT: Let me see. <functioncall> {"name": "f", "arguments": '{}'}""")
    assert row.output == 'Let me see.\n[{"name":"f","arguments":{}}]'


def test_several_calls_in_a_turn_are_one_list():
    row = glaive(
        """USER: q\nASSISTANT: <functioncall> {"name": "f", "arguments": '{}'} """
        """<functioncall> {"name": "g", "arguments": {}}"""
    )
    assert row.output == '[{"name":"f","arguments":{}},{"name":"g","arguments":{}}]'


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (
            """{"name": "f", "arguments": '{"a": "Mr O'Neill's"}'}""",
            """[{"name":"f","arguments":{"a":"Mr O'Neill's"}}]""",
        ),
        (r"""{"name": "f", "arguments": '{"a": "it\'s"}'}""", """[{"name":"f","arguments":{"a":"it's"}}]"""),
        ("""{"arguments": '{"a": 1}', "name": "f"}""", '[{"arguments":{"a":1},"name":"f"}]'),
        (r"""{"name": "f", "arguments": "{\"a\": 1}"}""", '[{"name":"f","arguments":{"a":1}}]'),
        ("""{"name": "f", "arguments": {"a": {"b": '}'}}}""", "not_json"),
        ("""{"name": "f", "arguments": {"a": "'{x}'"}}""", """[{"name":"f","arguments":{"a":"'{x}'"}}]"""),
        ('{"name": "f", "arguments": \'{"a": "two\nlines"}\'}', r'[{"name":"f","arguments":{"a":"two\nlines"}}]'),
        ("""{"name": "f"}""", '[{"name":"f","arguments":{}}]'),
        ("""{"name": "f", "arguments": '{"a": '}""", "not_json"),
        ("""{"name": "f", "arguments": '[1]'}""", "not_json"),
        ("""{"arguments": '{}'}""", "not_json"),
        ("f(1)", "not_json"),
        ("", "not_json"),
    ],
)
def test_a_call_becomes_json_whatever_quotes_its_arguments_stand_in(call, output):
    assert called(call) == output


@pytest.mark.parametrize(
    ("chat", "reason"),
    [
        ("", "no_answered_turn"),
        ("USER: a", "no_answered_turn"),
        ("USER: a\n\nASSISTANT: <|endoftext|>", "empty_output"),
        ("ASSISTANT: a\n\nUSER: b", "bad_role_order"),
        ("Once upon a time\nUSER: a\nASSISTANT: b", "bad_role_order"),
        (None, "no_answered_turn"),
        (1, "wrong_type"),
    ],
)
def test_what_is_no_chat_says_why(chat, reason):
    assert rejected(glaive(chat)) == reason


# ToolACE and ToolBench ---------------------------------------------------------------------------------------


def test_calls_in_pythons_notation_become_json_and_so_does_what_the_prompt_says_of_them():
    row = toolace(
        ("user", "Ferries?"),
        ("assistant", "[Ferry API(origin='Oban', day=\"2024-10-02\")]"),
        ("tool", '[{"name": "Ferry API"}]'),
        ("assistant", "At eight."),
    )
    assert row.system == f"Format: {SHOWN}"
    assert texts(row) == [
        "Ferries?",
        '[{"name":"Ferry API","arguments":{"origin":"Oban","day":"2024-10-02"}}]',
        'Function response: [{"name": "Ferry API"}]',
        "At eight.",
    ]


def test_a_prompt_that_says_nothing_of_the_form_gets_a_sentence_where_calls_are_made():
    assert toolace(("user", "a"), ("assistant", "[f()]"), system="Tools: f").system == f"Tools: f\n\n{CALL_FORMAT}"
    assert toolace(("user", "a"), ("assistant", "b"), system="Tools: f").system == "Tools: f"


def test_the_user_may_write_what_looks_like_a_call():
    assert toolace(("user", "[f(a=1)]"), ("assistant", "A call.")).instruction == "[f(a=1)]"


def test_prose_in_square_brackets_is_no_call():
    assert toolace(("user", "a"), ("assistant", "[see](https://example.org)")).output == "[see](https://example.org)"


def test_toolbench_keeps_the_form_that_its_own_prompt_asks_for():
    row = map_item(
        {
            "id": "q1",
            "conversations": [
                {"from": "system", "value": "You are AutoGPT."},
                {"from": "user", "value": "Begin!"},
                {"from": "assistant", "value": "Thought:\nAction: f\nAction Input: {}"},
                {"from": "function", "value": '{"response": 1}'},
                {"from": "assistant", "value": "Action: Finish"},
            ],
        },
        Options(Schema.TOOLACE),
    )
    assert row.system == "You are AutoGPT."
    assert texts(row)[1:3] == ["Thought:\nAction: f\nAction Input: {}", 'Function response: {"response": 1}']


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"system": "s", "conversations": [{"from": "user", "value": "a"}]}, "no_answered_turn"),
        ({"system": "s", "conversations": DEEP}, "wrong_type"),
        ({"system": "s"}, "wrong_type"),
        ({"system": 1, "conversations": []}, "wrong_type"),
        ({"system": "s", "conversations": []}, "no_answered_turn"),
        (None, "not_an_object"),
    ],
)
def test_what_is_no_conversation_says_why(item, reason):
    assert rejected(map_item(item, Options(Schema.TOOLACE))) == reason


def test_a_call_that_cannot_be_read_and_an_unknown_speaker_reject_their_conversation():
    assert rejected(toolace(("user", "a"), ("assistant", "[f(a='b)]"))) == "wrong_type"
    assert rejected(toolace(("user", "a"), ("observer", "b"), ("assistant", "c"))) == "bad_role_order"


# Both --------------------------------------------------------------------------------------------------------


@given(
    JUNK,
    st.text(alphabet="USER: ASSISTANT\n<functioncall>{}'\"", max_size=60),
    st.text(alphabet="[]()fa='1,", max_size=20),
)
def test_junk_never_raises(junk, chat, call):
    for schema in Schema:
        for item in (junk, {"system": junk, "chat": junk}, {"system": "", "conversations": junk}):
            assert isinstance(map_item(item, Options(schema)), Row | Reject)
    assert isinstance(glaive(f"USER: q\nASSISTANT: <functioncall>{chat}"), Row | Reject)
    assert isinstance(toolace(("user", "q"), ("assistant", f"[{call})]")), Row | Reject)


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("glaive_function", {"kept": 26, "not_json": 1, "no_answered_turn": 1}),
        ("toolace", {"kept": 25, "wrong_type": 1, "bad_role_order": 1, "empty_output": 1}),
    ],
)
def test_the_bundled_samples_map_as_they_should(key, counts):
    assert mapping.counts(key, FAMILY) == counts


def test_the_sample_of_glaive_holds_a_chat_twice_and_once_in_another_case():
    rows = mapping.rows("glaive_function", FAMILY)
    assert len(set(rows)) == 25
    first = {" ".join(texts(row)[0].lower().split()) for row in rows}
    assert len(first) == 24


def test_no_turn_of_the_sample_of_toolace_is_lost_and_calls_mean_the_same():
    for record, row in mapping.mapped("toolace", FAMILY):
        if isinstance(row, Row):
            for turn, text in zip(record["conversations"], texts(row), strict=True):
                if turn["from"] == "tool":
                    assert text == f"Function response: {turn['value']}"
                elif turn["value"].startswith("[") and turn["from"] == "assistant":
                    assert orjson.loads(text) == calls_in_python(turn["value"])
                else:
                    assert text == turn["value"]


def test_no_turn_of_the_sample_of_glaive_is_lost():
    for record, row in mapping.mapped("glaive_function", FAMILY):
        if isinstance(row, Row):
            said = re.findall(
                r"(?:USER|ASSISTANT|FUNCTION RESPONSE): (.*?)\s*(?=<\|endoftext\|>|\n\n\n|$)", record["chat"], re.S
            )
            for turn, text in zip(said, texts(row), strict=False):
                if "<functioncall>" not in turn:
                    assert text.removeprefix("Function response: ") == turn
            assert len(said) - len(texts(row)) in (0, 1)  # a question at the end that nobody answered
            assert "<|" not in "".join(texts(row))
