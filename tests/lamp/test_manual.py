"""The manual says all that the definition says, and the teacher is told the same."""

import re

from stages.lamp import manual, program
from stages.lamp.grammar import Bounds
from stages.lamp.teachers import anthropic_prompt


def test_every_type_and_every_key_of_the_definition_is_explained_once():
    schema = program.json_schema()
    text = manual.manual()
    for name, definition in schema["$defs"].items():
        assert len(re.findall(rf"^{name}: ", text, re.MULTILINE)) == 1, name
        section = text.split(f"\n{name}: ")[1].split("\n\n")[0]
        assert all(re.search(rf"^  {key}: ", section, re.MULTILINE) for key in definition["properties"]), name


def test_the_limits_are_those_of_the_grammar():
    words = manual.bounds_in_words(Bounds(max_steps=5, max_speed=777))
    assert "at most 5 steps" in words and "to 777 ms" in words


def test_the_manual_is_part_of_what_the_teacher_is_told_and_a_third_of_it():
    told = anthropic_prompt.system_prompt()
    for part in (manual.LAMP, manual.format_in_words(), manual.bounds_in_words(Bounds())):
        assert part.strip() in manual.manual() + "\n" and part.strip() in told
    assert 4000 < len(manual.manual()) < len(told) / 2


def test_it_ends_in_a_letter_and_has_no_line_that_a_template_would_touch():
    text = manual.manual()
    assert text == text.strip() and "{{" not in text and "{%" not in text and "<|" not in text
