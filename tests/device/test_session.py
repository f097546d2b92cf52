"""What a session knows: the running program, and whether a request changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.device import session
from stages.device.answering import Answerer, Settings
from stages.device.session import Session
from stages.lamp import validation
from stages.lamp.program import Program


class Slower:
    """Takes "slower" for a change, and nothing else."""

    def changes(self, request: str, running: Program) -> bool:
        return request == "slower"


@pytest.fixture
def talk(lamp_gguf: Path) -> Session:
    return Session(Answerer(lamp_gguf, Settings(threads=1)), Slower())


def test_the_first_request_changes_nothing(talk: Session) -> None:
    assert not talk.ask("slower").changed


def test_what_the_decider_takes_for_a_change_changes_the_running_program(talk: Session) -> None:
    first = talk.ask("red")
    assert talk.running == first.program
    assert talk.ask("slower").changed
    assert not talk.ask("green").changed


def test_somebody_can_say_so_himself(talk: Session) -> None:
    talk.ask("red")
    assert talk.ask("green", change=True).changed
    assert not talk.ask("slower", change=False).changed


def test_without_a_decider_every_request_is_a_new_one(talk: Session) -> None:
    alone = Session(talk._answerer, None, talk.ask("red").program)
    assert not alone.ask("slower").changed
    assert alone.ask("slower", change=True).changed


def test_the_running_program_is_remembered(talk: Session, tmp_path: Path) -> None:
    program = talk.ask("red").program
    session.remember(tmp_path / "state" / "running.json", program)
    assert session.remembered(tmp_path / "state" / "running.json") == program


@pytest.mark.parametrize("content", ["", "{", '{"program":{"name":"x","steps":[]}}', "\x00"])
def test_what_is_no_program_is_forgotten(tmp_path: Path, content: str) -> None:
    (tmp_path / "running.json").write_text(content)
    assert session.remembered(tmp_path / "running.json") is None
    assert session.remembered(tmp_path / "none.json") is None


def test_a_reply_is_what_runs_then(talk: Session) -> None:
    reply = talk.ask("a red dot")
    assert validation.parse(reply.text) == talk.running
