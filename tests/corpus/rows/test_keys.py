"""Two rows are the same where only letter case and white space of ASCII differ, and in no other case."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpus.rows import keys, store
from stages.corpus.rows.row import Row

TEXT = st.text(max_size=20)
ROW = st.builds(
    Row,
    TEXT,
    TEXT,
    TEXT,
    st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    TEXT,
)
LAMP = Row("Show a sun", "a small one", "It is lit.", (("Hi", "Hello"),), "You are a lamp")


def key(row: Row) -> bytes:
    return store.keys_of([store.encoded(row)])[0]


# One key of each kind, so that a change of the rules is seen: rows of other versions would no longer be equal.
@pytest.mark.parametrize(
    ("row", "digest"),
    [
        (Row("Show a sun", "", "It is lit."), "c2ba788726e05670335ddd2ccacfb3f601a76a38"),
        (LAMP, "93d5bf3233048a1034cb35f0bf797fb64c0d327d"),
        (Row("", "", ""), "223aebe47b87def6e3d22b80df61ebbae2e1cd9e"),
    ],
)
def test_keys_are_what_they_were(row: Row, digest: str) -> None:
    assert key(row).hex() == digest, "another key: raise keys.VERSION"
    assert keys.VERSION == 1


@pytest.mark.parametrize(
    "text",
    ["show a sun", "SHOW A SUN", "  Show\ta  sun\n", "Show a\r\nsun", "Show\x0ba\x0csun ", "Show \x1fa\x1e sun"],
)
def test_letter_case_and_white_space_of_ascii_do_not_count(text: str) -> None:
    assert key(LAMP._replace(instruction=text)) == key(LAMP)


@pytest.mark.parametrize("text", ["Showa sun", "Show a s un", "Show a sun.", "Show a s\u00fcn", "Show\u00a0a sun"])
def test_all_else_counts(text: str) -> None:
    assert key(LAMP._replace(instruction=text)) != key(LAMP)


@pytest.mark.parametrize(
    ("one", "other"),
    [("\u00c4rger", "\u00e4rger"), ("I", "\u0131"), ("a\u2028b", "a b"), ("K", "\u212a"), ("\u00df", "ss")],
)
def test_letters_beyond_ascii_are_taken_as_they_are(one: str, other: str) -> None:
    assert keys.normalised(one.encode()) != keys.normalised(other.encode())


@pytest.mark.parametrize("field", ["instruction", "input", "output", "system"])
def test_every_field_counts(field: str) -> None:
    assert key(LAMP._replace(**{field: "another"})) != key(LAMP)


@pytest.mark.parametrize("history", [(), (("Hi", "Hello"), ("", "")), (("Hi", "Hallo"),), (("Hello", "Hi"),)])
def test_the_turns_before_count(history: tuple[tuple[str, str], ...]) -> None:
    assert key(LAMP._replace(history=history)) != key(LAMP)


@pytest.mark.parametrize("field", ["rejected", "lang", "safety_label", "severity"])
def test_what_is_known_beside_the_text_does_not_count(field: str) -> None:
    assert key(LAMP._replace(**{field: "another"})) == key(LAMP)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Row("ab", "", "c"), Row("a", "b", "c")),
        (Row("a", "b", "c"), Row("a", "", "bc")),
        (Row("a b", "", "c"), Row("a", "b", "c")),
        (Row("a\x1fb", "", "c"), Row("a", "b", "c")),
        (Row("a", "", "b", (("c", "d"),)), Row("a", "", "b", (("c d", ""),))),
        (Row("a", "", "b", (("c", "d"), ("e", "f"))), Row("a", "", "b", (("c", "d\x1ee"), ("f", "")))),
        (Row("a", "", "b", (("c", "d"),)), Row("a", "", "b", (), "c d")),
        (Row("a", "", "b", (("", ""),)), Row("a", "", "b")),
    ],
)
def test_what_moves_from_one_field_to_the_next_makes_another_key(one: Row, other: Row) -> None:
    assert key(one) != key(other)


@settings(deadline=None)
@given(ROW, ROW)
def test_keys_are_equal_just_where_the_normalised_fields_are(one: Row, other: Row) -> None:
    def compared(row: Row) -> object:
        turns = tuple(keys.normalised(part.encode()) for turn in row.history for part in turn)
        return (*(keys.normalised(text.encode()) for text in (*row[:3], row.system)), turns)

    assert (key(one) == key(other)) == (compared(one) == compared(other))
    assert len(key(one)) == keys.BYTES


SPACED = st.text(st.sampled_from("aB \t\n\x1d\x1e\x1f\u00a0\u00df\U0001f4a1"), max_size=6).map(str.encode)
FIELDS = st.tuples(SPACED, SPACED, SPACED, st.lists(SPACED, max_size=3).map(tuple), SPACED)


@settings(deadline=None)
@given(st.lists(FIELDS, max_size=8), st.integers(0, 3))
def test_the_keys_of_many_rows_are_those_of_each(rows: list[keys.Fields], times: int) -> None:
    assert keys.keys(rows) == [keys.key(*row) for row in rows]
    assert keys.keys(rows * 400 * times) == [keys.key(*row) for row in rows] * 400 * times


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_normalising_twice_is_normalising_once_and_leaves_no_separator(text: bytes) -> None:
    once = keys.normalised(text)
    assert keys.normalised(once) == once
    assert not set(once) & set(b"\t\n\v\f\r\x1e\x1f")
    assert b"  " not in once
    assert once == once.strip()
    assert once == b" ".join(text.lower().replace(b"\x1e", b" ").replace(b"\x1f", b" ").split())


def test_a_lone_surrogate_has_no_key() -> None:
    with pytest.raises(UnicodeEncodeError):
        key(LAMP._replace(output="\ud800"))
    with pytest.raises(UnicodeEncodeError):
        key(LAMP._replace(history=(("\ud800", "a"),)))
