"""What a user sees of a mistake: one line and exit code 2; what is a bug keeps its traceback."""

import errno

import pytest

from stages.errors import UserError, fail, one_line, reports_user_errors


def raising(error):
    @reports_user_errors
    def command():
        raise error

    return command


def test_a_users_mistake_is_one_line_on_stderr_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as left:
        raising(UserError("rows.jsonl:3: no id; add it"))()
    assert left.value.code == 2
    assert capsys.readouterr() == ("", "error: rows.jsonl:3: no id; add it\n")


def test_an_error_of_the_operating_system_names_the_file_and_what_to_do(capsys):
    with pytest.raises(SystemExit) as left:
        raising(PermissionError(errno.EACCES, "Permission denied", "/data/out.jsonl"))()
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: /data/out.jsonl: permission denied; check the path and its permissions\n"


def test_a_full_disk_is_told_with_what_to_do_next():
    line = one_line(OSError(errno.ENOSPC, "No space left on device", "out.jsonl"))
    assert line.startswith("out.jsonl: the disk is full") and "same command again" in line


def test_an_error_without_a_file_name_starts_with_what_is_wrong():
    assert one_line(OSError(errno.ENOSPC, "No space left on device")).startswith("the disk is full")
    assert one_line(OSError(errno.EIO, "Input/output error")).startswith("input/output error; ")


@pytest.mark.parametrize("bug", [ValueError("a bug"), KeyError("a bug"), OSError("raised by a library")])
def test_a_bug_keeps_its_traceback(bug):
    with pytest.raises(type(bug)):
        raising(bug)()


def test_a_command_that_does_well_gets_its_arguments_and_ends_normally():
    seen = []

    @reports_user_errors
    def command(one, *, two):
        """Does it."""
        seen.append((one, two))

    command(1, two=2)
    assert seen == [(1, 2)]
    assert command.__name__ == "command" and command.__doc__ == "Does it."


def test_fail_leaves_with_exit_code_2(capsys):
    with pytest.raises(SystemExit) as left:
        fail("no")
    assert left.value.code == 2
    assert capsys.readouterr() == ("", "error: no\n")
