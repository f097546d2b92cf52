"""Atoms: one decision each, and split the same from the left as longest first."""

import re

from stages.lamp import atoms
from stages.lamp.program import compact

STAR = compact(
    {
        "program": {
            "name": "a star",
            "steps": [
                {
                    "id": "s1",
                    "command": {
                        "type": "render",
                        "elements": [
                            {"type": "fill", "color": "#000000"},
                            {"type": "rect", "x": 3, "y": 4, "w": 4, "h": 1, "color": "#FFD700"},
                            {"type": "pixel", "x": 0, "y": 0, "color": "#FFD700"},
                        ],
                    },
                    "duration": None,
                }
            ],
        }
    }
)


def longest_first(text, vocabulary):
    """As llama.cpp does it: the longest piece is cut out everywhere first, then the next."""
    fragments = [(text, False)]
    for piece in vocabulary:
        if piece not in text:
            continue
        cut = []
        for fragment, done in fragments:
            if done or piece not in fragment:
                cut.append((fragment, done))
                continue
            for number, rest in enumerate(fragment.split(piece)):
                if number:
                    cut.append((piece, True))
                if rest:
                    cut.append((rest, False))
        fragments = cut
    return [fragment for fragment, _ in fragments]


def leftmost_longest(text, by_start):
    pieces, rest, at = [], "", 0
    while at < len(text):
        found = next((p for p in by_start.get(text[at : at + 2], ()) if text.startswith(p, at)), None)
        if found is None:
            rest += text[at]
            at += 1
            continue
        pieces += [rest, found] if rest else [found]
        rest, at = "", at + len(found)
    return [*pieces, rest] if rest else pieces


def agrees(programs, vocabulary):
    ordered = sorted(vocabulary, key=len, reverse=True)
    by_start = {}
    for piece in ordered:
        by_start.setdefault(piece[:2], []).append(piece)
    return [text for text in programs if longest_first(text, ordered) != leftmost_longest(text, by_start)]


def test_a_program_is_split_into_its_decisions():
    assert atoms.split(STAR) == [
        '{"program":{"name":"',
        '","steps":[{"id":"s1","command":{"type":"',
        'render","elements":[{"type":"fill","color":"',
        "#000000",
        '"},{"type":"rect","x":3,"y":4,"w":4,"h":1,"color":"',
        "#FFD700",
        '"},{"type":"pixel","x":0,"y":0,"color":"',
        "#FFD700",
        '"}]}',
        ',"duration":null}',
        "]}}",
    ]
    assert atoms.between(STAR) == ["a star"]


def test_what_is_split_and_what_lies_between_are_the_whole_program(responses):
    for text in responses:
        left = text
        for piece in atoms.split(text):
            left = left.replace(piece, "\0", 1)
        assert [rest for rest in left.split("\0") if rest] == atoms.between(text)


def test_only_names_words_and_numbers_lie_between_atoms(responses):
    rest = {part for text in responses for part in atoms.between(text)}
    # Few scenes draw on the dark without a fill; that beginning is no atom.
    bare = r'render","elements":\[\{"type":"\w+","x\d?":\d+,"y\d?":\d+'
    odd = re.compile(rf"[a-z0-9 '-]+|[A-Z0-9:+.! -]+|(stop\")?}}|{bare}")
    assert [part for part in rest if not odd.fullmatch(part)] == []


def test_atoms_carry_most_of_a_program(responses):
    total = sum(map(len, responses))
    assert sum(len(part) for text in responses for part in atoms.between(text)) < 0.1 * total


def test_atoms_split_from_the_left_as_they_do_longest_first(responses):
    programs = sorted(set(responses))
    assert agrees(programs, atoms.frequent(responses, 1)) == []


def test_atoms_that_are_left_out_as_rare_do_not_make_the_others_overlap(responses):
    programs = sorted(set(responses))
    assert agrees(programs, atoms.frequent(responses, 3)) == []


def test_the_frequent_atoms_are_counted_sorted_and_cut_off():
    texts = ["#AAAAAA#BBBBBB#CCCCCC", "#BBBBBB#CCCCCC", "#DDDDDD"]
    assert atoms.frequent(texts, 1) == ["#BBBBBB", "#CCCCCC", "#AAAAAA", "#DDDDDD"]
    assert atoms.frequent(texts, 2) == ["#BBBBBB", "#CCCCCC"]
    assert atoms.frequent(texts, 3) == []


def test_rectangles_too_rare_for_a_piece_count_as_place_and_size():
    often, rare = (f'"}},{{"type":"rect","x":3,"y":4,"w":{width},"h":1,"color":"' for width in (4, 5))
    texts = [often, often, rare, '"},{"type":"rect","x":3,"y":4']
    assert atoms.frequent(texts, 2) == ['"},{"type":"rect","x":3,"y":4', often]
    assert atoms.frequent([rare], 1) == [rare]


def test_the_vocabulary_does_not_hang_on_the_order_of_programs(responses):
    assert atoms.frequent(responses, 3) == atoms.frequent(list(reversed(responses)), 3)
