"""Training that gives the same bytes: what must be fixed before torch is loaded, and after."""

from __future__ import annotations

import os
import sys


def pin_environment(threads: int) -> None:
    """Fix instruction set, thread count and reduction order. Call before torch is imported.

    AVX2 is what every x86-64 machine of the last ten years has: without a pin, a machine with AVX-512 adds
    the same numbers in another order. Raises RuntimeError when torch is loaded already, since it would not
    listen any more.
    """
    if "torch" in sys.modules:
        raise RuntimeError("pin_environment must be called before torch is imported")
    os.environ.update(
        ATEN_CPU_CAPABILITY="avx2",
        MKL_CBWR="AVX2",
        ONEDNN_MAX_CPU_ISA="AVX2",
        OMP_NUM_THREADS=str(threads),
        MKL_NUM_THREADS=str(threads),
        OMP_DYNAMIC="FALSE",
        MKL_DYNAMIC="FALSE",
        # A spinning barrier makes training many times slower as soon as anything else runs on these cores.
        OMP_WAIT_POLICY="passive",
        # On a GPU; without it torch refuses to multiply matrices when algorithms are to be deterministic.
        CUBLAS_WORKSPACE_CONFIG=":4096:8",
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TOKENIZERS_PARALLELISM="false",
    )


def pin_torch(threads: int, seed: int) -> None:
    """Fix torch's own threads, algorithms and random numbers."""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
