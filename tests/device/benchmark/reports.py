"""Reports of benchmarks that nobody ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from stages.device.benchmark import bench_report
from stages.device.benchmark.bench_report import Figures, Model, Report, Settings, Software, Spread
from stages.device.benchmark.sensors import Machine, State

PI = "Raspberry Pi 5 Model B Rev 1.0"
LINEAGE = {"adapter": "a" * 32 + ".dir", "base": "b" * 32 + ".dir", "params": "c" * 64, "trainset": "d" * 32 + ".dir"}


def report(**changes: Any) -> Report:
    """A report of a Pi. changes: by the name of a part's field, `void`, or of the whole: `device` is the machine."""
    machine = Machine(
        model=PI, cpu="Cortex-A76", cores=4, memory_mb=8443, os="Debian GNU/Linux 12", kernel="6.6.31+rpt"
    )
    state = State(
        temperature_c=52.1,
        clock_mhz=2400,
        governor="ondemand",
        throttled=[],
        since_start=[],
        throttle_count=None,
        power_w=4.2,
        load=0.1,
    )
    figures = Figures(
        n=21,
        valid=21,
        cut=0,
        valid_free=20,
        n_hot=None,
        valid_hot=None,
        start_ms=400.0,
        load_ms=30.0,
        first_token_cold_ms=20.0,
        first_token_ms=Spread(p50=4.0, p95=6.0),
        program_ms=Spread(p50=50.0, p95=120.0),
        prefill_tps=5000.0,
        decode_tps=1200.0,
        decode_free_tps=1250.0,
        grammar_cost_percent=4.0,
        tokens=50.0,
        peak_rss_mb=70.5,
    )
    parts: dict[str, Any] = {
        "model": Model(
            file="lamp-nano-Q4_K_M.gguf",
            name="lamp-nano",
            quant="Q4_K_M",
            sha256="e" * 64,
            file_mb=2.4,
            lineage=LINEAGE,
        ),
        "machine": msgspec.structs.replace(machine, model=changes.pop("device", PI)),
        "software": Software(
            lampforge="0.1.0", python="3.11.2", llama_cpp_python="0.3.36", llama_cpp="0.25.3", features="NEON = 1"
        ),
        "settings": Settings(
            threads=1,
            rounds=3,
            max_tokens=900,
            requests="benchmark.yaml",
            requests_sha256="f" * 64,
            hot_temperature=None,
            hot_seeds=None,
        ),
        "during": state,
        "figures": figures,
    }
    whole = {"measured_at": "2026-11-29T12:00:00+00:00", "void": None, "answers": [], "before": state, "after": state}
    for name, value in changes.items():
        owner = next((key for key, part in parts.items() if part is not None and hasattr(part, name)), None)
        if owner is None:
            (parts if name in parts else whole)[name] = value
        else:
            parts[owner] = msgspec.structs.replace(parts[owner], **{name: value})
    return Report(format=bench_report.FORMAT, **whole, **parts)


def written(path: Path, **changes: Any) -> Path:
    """A report in a file."""
    bench_report.write(path, report(**changes))
    return path
