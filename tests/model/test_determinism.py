"""What is fixed so that training gives the same bytes: seen from processes of their own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", f"from stages.model import determinism\n{code}"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_pinning_after_torch_is_loaded_is_refused() -> None:
    code = """
import sys, types
sys.modules["torch"] = types.ModuleType("torch")
try:
    determinism.pin_environment(2)
except RuntimeError as error:
    print(error)
"""
    assert run(code) == "pin_environment must be called before torch is imported"


def test_the_module_itself_loads_no_torch() -> None:
    assert run("import sys; print('torch' in sys.modules)") == "False"


def test_what_was_set_before_is_overruled() -> None:
    code = (
        "import os; determinism.pin_environment(3); print(os.environ['OMP_NUM_THREADS'], os.environ['HF_HUB_OFFLINE'])"
    )
    assert run(code, OMP_NUM_THREADS="7", HF_HUB_OFFLINE="0") == "3 1"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets of x86-64")
def test_torch_uses_the_pinned_instruction_set_and_threads() -> None:
    code = """
determinism.pin_environment(2)
import torch
determinism.pin_torch(2, 7)
print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
"""
    assert run(code) == "AVX2 2 True"


def test_two_processes_get_the_same_random_numbers_and_products() -> None:
    code = """
determinism.pin_environment(1)
import hashlib, torch
determinism.pin_torch(1, 7)
product = torch.randn(64, 300) @ torch.randn(300, 64)
print(hashlib.sha256(product.numpy().tobytes()).hexdigest())
"""
    assert run(code) == run(code, PYTHONHASHSEED="1")
