"""A request, the functions there are, and the calls that answer it."""

from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.families.function_calling import FAMILY, Options, Schema, map_item
from stages.corpus.intake.tool_calls import CALL_FORMAT
from stages.corpus.rows.row import Reject, Row
from tests.corpus.intake.families import mapping
from tests.corpus.intake.families.mapping import DEEP, JUNK, lines, real, rejected

TOOL = {"name": "tide", "description": "High water.", "parameters": {"port": {"type": "str"}}}
CALL = {"name": "tide", "arguments": {"port": "Brest"}}


def xlam(**changes):
    record = {"id": 0, "query": "High water in Brest?", "answers": text([CALL]), "tools": text([TOOL])}
    return map_item(record | changes, Options())


def text(value):
    return orjson.dumps(value).decode()


def bfcl(truth, question="Add 1 and 2.", messages=None):
    record = {"id": "simple_0", "question": [messages or [{"role": "user", "content": question}]], "function": [TOOL]}
    return map_item(record | {"ground_truth": truth}, Options(Schema.BFCL))


def apibench(code, **others):
    return map_item(
        {"code": code, "api_call": "f()", "provider": "P", "api_data": None} | others, Options(Schema.APIBENCH)
    )


# xLAM --------------------------------------------------------------------------------------------------------


def test_the_tools_are_in_the_system_prompt_and_the_calls_are_the_answer():
    row = xlam()
    assert row.instruction == "High water in Brest?"
    assert row.output == '[{"name":"tide","arguments":{"port":"Brest"}}]'
    assert row.system == f"You can call these functions:\n{text([TOOL])}\n{CALL_FORMAT}"


def test_tools_and_answers_may_be_lists_instead_of_json_in_a_string():
    assert xlam(tools=[TOOL], answers=[CALL]) == xlam()


def test_all_calls_are_kept_in_their_order():
    calls = [CALL, {"name": "moon", "arguments": {}}, CALL]
    assert orjson.loads(xlam(answers=text(calls)).output) == calls


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"query": ""}, "empty_instruction"),
        ({"query": 1}, "wrong_type"),
        ({"answers": "[]"}, "empty_output"),
        ({"answers": None}, "missing_field"),
        ({"answers": "[{"}, "not_json"),
        ({"answers": '{"name": "tide"}'}, "wrong_type"),
        ({"answers": '["tide"]'}, "wrong_type"),
        ({"answers": '[{"name": "tide"}]'}, "wrong_type"),
        ({"tools": "\ud800"}, "not_json"),
        ({"tools": DEEP}, "wrong_type"),
        ({"tools": [{"name": DEEP}]}, "wrong_type"),
        ({"answers": [{"name": "f", "arguments": {"a": DEEP}}]}, "wrong_type"),
    ],
)
def test_what_is_no_request_with_its_calls_says_why(changes, reason):
    assert rejected(xlam(**changes)) == reason


def test_a_record_of_another_schema_is_rejected():
    assert rejected(map_item({"question": "q"}, Options())) == "missing_field"
    assert rejected(map_item(["query"], Options())) == "not_an_object"


# BFCL --------------------------------------------------------------------------------------------------------


def test_of_several_right_values_the_first_is_taken():
    assert bfcl([{"add": {"a": [1, "one"], "b": [2]}}]).output == '[{"name":"add","arguments":{"a":1,"b":2}}]'


def test_zero_and_false_are_values_and_an_argument_that_may_be_left_out_is():
    assert bfcl([{"f": {"a": [0], "b": [False], "c": ["", 5], "d": [[]]}}]).output == (
        '[{"name":"f","arguments":{"a":0,"b":false,"d":[]}}]'
    )


def test_an_argument_that_is_an_object_has_right_values_for_each_of_its_parts():
    truth = [{"f": {"where": [{"x": [1], "y": ["", 2]}], "all": [[{"k": ["v", "w"]}]]}}]
    assert bfcl(truth).output == '[{"name":"f","arguments":{"where":{"x":1},"all":[{"k":"v"}]}}]'


def test_the_types_of_bfcl_stay_as_they_are_published():
    tool = {"name": "f", "parameters": {"type": "dict", "properties": {}}}
    record = {"question": [[{"role": "user", "content": "q"}]], "function": [tool], "ground_truth": [{"f": {}}]}
    assert '"type":"dict"' in map_item(record, Options(Schema.BFCL)).system


def test_a_system_message_stands_before_the_tools():
    messages = [{"role": "system", "content": "Be quick."}, {"role": "user", "content": "q"}]
    assert bfcl([{"f": {}}], messages=messages).system.startswith("Be quick.\n\nYou can call")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"question": [[{"role": "user", "content": "q"}]], "function": [TOOL]}, "missing_field"),
        ({"question": "q", "function": [TOOL], "ground_truth": []}, "wrong_type"),
        ({"question": [[], []], "function": [TOOL], "ground_truth": []}, "wrong_type"),
        ({"question": [DEEP], "function": [TOOL], "ground_truth": []}, "wrong_type"),
        (
            {"question": [[{"role": "user", "content": "q"}]], "function": [TOOL], "ground_truth": [{"f": [1]}]},
            "wrong_type",
        ),
        (
            {"question": [[{"role": "user", "content": "q"}]], "function": [], "ground_truth": [{"f": {"a": DEEP}}]},
            "wrong_type",
        ),
        ({"question": [[]], "function": [TOOL], "ground_truth": [{"f": {}}]}, "bad_role_order"),
    ],
)
def test_an_evaluation_item_without_its_answer_says_so(record, reason):
    assert rejected(map_item(record, Options(Schema.BFCL))) == reason


def test_every_item_of_bfcl_maps_with_its_question_its_functions_and_right_values():
    truth = {
        record["id"]: record for record in lines(real("gorilla_bfcl", "BFCL_v4_simple_python.possible_answer.json"))
    }
    items = lines(real("gorilla_bfcl", "BFCL_v4_simple_python.json"))
    assert len(items) == 400
    for item in items:
        right = truth[item["id"]]["ground_truth"]
        row = map_item(item | {"ground_truth": right}, Options(Schema.BFCL))
        assert row.instruction == item["question"][0][0]["content"].strip()
        assert text(item["function"]) in row.system
        calls = orjson.loads(row.output)
        assert [call["name"] for call in calls] == [name for call in right for name in call]
        for call, values in zip(calls, right, strict=True):
            accepted = values[call["name"]]
            for name in accepted:
                assert name in call["arguments"] or "" in accepted[name]
            for name, value in call["arguments"].items():
                assert value in accepted[name] or isinstance(value, dict | list)


# API-Bank ----------------------------------------------------------------------------------------------------


def test_an_api_request_and_its_notation_become_json():
    record = {
        "instruction": "Generate an API request in the format of [ApiName(key1='value1', ...)].",
        "input": "User: Wake me at 7.\nGenerate API Request: ",
        "output": "API-Request: [AddAlarm(time='07:00')]",
    }
    assert map_item(record, Options(Schema.API_BANK)) == Row(
        'Generate an API request in the format of [{"name": "function", "arguments": {"parameter": "value"}}].',
        "User: Wake me at 7.\nGenerate API Request:",
        '[{"name":"AddAlarm","arguments":{"time":"07:00"}}]',
    )


def test_an_answer_of_api_bank_in_words_stays_and_an_unreadable_request_is_rejected():
    record = {"instruction": "[ApiName(a=1)]", "input": "", "output": "Good night."}
    assert map_item(record, Options(Schema.API_BANK)).output == "Good night."
    assert rejected(map_item(record | {"output": "API-Request: AddAlarm"}, Options(Schema.API_BANK))) == "wrong_type"


# APIBench ----------------------------------------------------------------------------------------------------

MARKED = (
    "###Instruction: Depth of a photo.\n###Output: <<<domain>>>: Depth\n<<<api_call>>>: load('x')\n"
    "<<<api_provider>>>: Hub\n<<<explanation>>>:1. Load.\n2. Run.\n<<<code>>>: import x\nx.run()\n"
)
ANSWER = '{"domain":"Depth","api_call":"load(\'x\')","api_provider":"Hub"}'


def test_a_marked_text_is_instruction_and_call_and_explanation_and_code():
    row = apibench(MARKED)
    assert row.instruction == "Depth of a photo."
    assert row.output == f"{ANSWER}\n\n1. Load.\n2. Run.\n\n```python\nimport x\nx.run()\n```"


def test_marks_may_hold_blanks_and_an_input_may_stand_between():
    row = apibench(MARKED.replace("###", "### ").replace("### Output", "### Input: photo.png\n### Output"))
    assert (row.instruction, row.input) == ("Depth of a photo.", "photo.png")
    assert row.output.startswith(ANSWER)


def test_marks_behind_the_output_belong_to_it():
    assert (
        apibench("###Instruction: a\n###Output: b\n###Input: c\n###Output: d").output == "b\n###Input: c\n###Output: d"
    )


def test_code_that_stands_in_a_fence_gets_no_second_one():
    row = apibench(MARKED.replace("import x\nx.run()", "```python\nimport x\n```"))
    assert row.output.count("```") == 2


def test_an_answer_may_lack_explanation_and_code():
    assert apibench(MARKED.partition("<<<explanation>>>")[0]).output == ANSWER
    assert apibench(MARKED.partition("<<<code>>>")[0]).output == f"{ANSWER}\n\n1. Load.\n2. Run."


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_looks_like_a_dict_is_read_though_its_quotes_are_not_escaped(quote):
    code = (
        "{'Instruction': Depth of Ann's photo., 'Output': {'domain': 'Depth', 'api_call': "
        f"{quote}load('x', 'y'){quote}, 'api_provider': 'Hub', 'explanation': 'It is Ann's.', "
        f"'code': {quote}a\nb{quote}}}}}"
    )
    row = apibench(code)
    assert row.instruction == "Depth of Ann's photo."
    assert row.output == (
        '{"domain":"Depth","api_call":"load(\'x\', \'y\')","api_provider":"Hub"}\n\n'
        "It is Ann's.\n\n```python\na\nb\n```"
    )


def test_quotes_inside_lose_their_backslash_and_those_around_a_text_go():
    row = apibench("{'Instruction': \"Say 'a'.\", 'Input': 'b', 'Output': 'it\\'s c'}")
    assert row == Row("Say 'a'.", "b", "it's c")


def test_an_answer_of_other_parts_stays_as_it_is():
    assert apibench("{'Instruction': a, 'Output': {'tasks': ['b'], 'c': 1}}").output == "{'tasks': ['b'], 'c': 1}"


def test_the_documentation_is_in_the_system_prompt():
    row = apibench(MARKED, api_data={"api_name": "x", "api_arguments": None})
    assert row.system == 'Use this API documentation for reference:\n{"api_name":"x","api_arguments":null}'
    assert apibench(MARKED).system == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("{'Instruction': a, 'Output': {'domain': 'b', 'code': 'import t", "not_json"),
        ("{'Instruction': a}", "missing_field"),
        ("###Instruction: a", "empty_output"),
        ("###Output: b", "empty_instruction"),
        ("###Instruction:\n###Output: b", "empty_instruction"),
        ("###Instruction: a\n###Output:", "empty_output"),
        ("Read me first. ###Instruction: a\n###Output: b", "bad_role_order"),
        ("import torch", "empty_output"),
        (None, "empty_output"),
        (["a"], "wrong_type"),
    ],
)
def test_a_code_field_without_request_and_answer_says_why(code, reason):
    assert rejected(apibench(code)) == reason


def only_letters(*texts):
    """Letters and digits alone: what is left of JSON, quotes and marks is the text."""
    return Counter("".join(filter(str.isalnum, "".join(texts))))


@pytest.mark.parametrize(
    ("name", "kept", "rejects"), [("torchhub_train", 399, {"not_json": 1}), ("huggingface_eval", 300, {})]
)
def test_real_apibench_rows_keep_their_text_and_only_the_one_cut_off_is_rejected(name, kept, rejects):
    records = lines(real("gorilla_apibench", f"{name}.json"))
    found = [map_item(record, Options(Schema.APIBENCH)) for record in records]
    assert sum(isinstance(row, Row) for row in found) == kept
    assert Counter(rejected(row) for row in found if isinstance(row, Reject)) == rejects
    names = only_letters("InstructionInputOutputdomainapicallapiproviderexplanationcodepython")
    for record, row in zip(records, found, strict=True):
        if isinstance(row, Row):
            assert orjson.loads(row.system.partition("\n")[2]) == record["api_data"]
            # Only the names of the parts come and go (and the n of \n in JSON).
            before, after = only_letters(record["code"]), only_letters(row.instruction, row.input, row.output)
            before.subtract(after)
            assert all(abs(count) <= names[letter] + 4 for letter, count in before.items() if count)


# All ---------------------------------------------------------------------------------------------------------


FIELDS = st.sampled_from(
    ["query", "tools", "answers", "question", "function", "ground_truth", "code", "api_data", "output"]
)


@given(JUNK, st.dictionaries(FIELDS, JUNK, max_size=9), st.text(alphabet="#<>{}': domaincode\n", max_size=40))
def test_junk_never_raises(junk, record, code):
    for schema in Schema:
        for item in (junk, record, {"code": f"###Instruction:{code}###Output:{code}"}, {"code": f"{{{code}}}"}):
            assert isinstance(map_item(item, Options(schema)), Row | Reject)
    assert isinstance(bfcl([{"f": junk}]), Row | Reject)
    assert isinstance(xlam(answers=[{"name": "f", "arguments": {"a": junk}}], tools=[{"t": junk}]), Row | Reject)


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ("xlam", {"kept": 25, "empty_output": 1, "empty_instruction": 1, "not_json": 1}),
        ("apibench", {"kept": 26, "empty_output": 1, "not_json": 1}),
    ],
)
def test_the_bundled_samples_map_as_they_should(key, counts):
    assert mapping.counts(key, FAMILY) == counts


def test_the_sample_of_xlam_holds_a_request_twice_and_once_in_another_case():
    rows = mapping.rows("xlam", FAMILY)
    assert len(set(rows)) == 24
    assert len({" ".join(row.instruction.lower().split()) for row in rows}) == 23
