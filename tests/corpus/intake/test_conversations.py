"""Pieces of conversations, put together again."""

from __future__ import annotations

from stages.corpus.intake.conversations import regrouped


def piece(key, order, **more):
    return {"id": key, "n": order, **more}


def groups(*records):
    return list(regrouped(records, "id", "n"))


def test_pieces_that_lie_apart_are_one_conversation_in_order():
    assert groups(piece("a", 2), piece("b", 1), piece("a", 1)) == [[piece("a", 1), piece("a", 2)], [piece("b", 1)]]


def test_id_0_is_an_id():
    assert groups(piece(0, 1), piece(0, 0)) == [[piece(0, 0), piece(0, 1)]]


def test_the_order_of_the_file_stays_where_an_order_is_no_number():
    assert groups(piece("a", 2), piece("a", None)) == [[piece("a", 2), piece("a", None)]]


def test_what_has_no_id_stands_alone_and_is_not_lost():
    odd = [{"n": 1}, {"n": 1}, piece(None, 1), piece(["a"], 1), piece(True, 1), "text", None]
    assert groups(*odd) == [[record] for record in odd]
