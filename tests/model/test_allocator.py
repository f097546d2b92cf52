"""Freed memory is kept: seen in the page faults of a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK, ROUNDS = 64 << 20, 10
CODE = f"""
import resource, sys
from stages.model import allocator
if sys.argv[1] == "kept":
    allocator.keep_freed_memory()
bytearray(b"x") * {BLOCK}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    bytearray(b"x") * {BLOCK}
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CODE, how], cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these knobs")
def test_a_block_that_is_taken_again_costs_no_page_faults() -> None:
    kept, given_back = page_faults("kept"), page_faults("as it is")
    assert given_back > 10 * max(kept, 1)


def test_nothing_happens_on_another_system() -> None:
    code = "import sys; sys.platform = 'darwin'; from stages.model import allocator; allocator.keep_freed_memory()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
