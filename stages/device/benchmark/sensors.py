"""What the machine is and how it does: its model, temperature, clock, throttling and power.

Comes in: the root of a file system (Linux's /proc, /sys and /etc below it) and what runs a command (`vcgencmd`, which
a Raspberry Pi has). Goes out: a `Machine` and, as often as wanted, a `State`.
Always holds: what cannot be read here is None, never a guess and never an error.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

Run = Callable[[list[str]], str | None]
"""Runs a command; what it prints, or None where there is none or it fails."""

_PATIENCE_S = 2.0
# Of vcgencmd get_throttled; 16 bits higher: the same has happened since the machine started.
_FLAGS = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
_SINCE_START = 16
# The names that lscpu gives to ARM's own cores: on a Pi, /proc/cpuinfo has but these numbers.
_ARM_CORES = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
# Sensors that sit in or beside the processor, as the kernel's drivers name them.
_OF_THE_CPU = re.compile(r"cpu|soc|x86_pkg|coretemp|k10temp")
_RAIL = re.compile(r"^\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """cores: threads that the kernel runs at once. memory_mb: 10^6 bytes."""

    model: str | None
    cpu: str | None
    cores: int | None
    memory_mb: int | None
    os: str | None
    kernel: str | None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the machine does. None: unknown here.

    throttled: what holds it back now, by name; []: nothing. since_start: what has done so since it was switched on.
    throttle_count: how often the processor slowed itself down (x86 counts that). power_w: of the sensors that there
    are; on a Pi 5 of the rails behind its converter, so less than flows through the plug. load: processes that run or
    want to, in the mean of the last minute.
    """

    temperature_c: float | None
    clock_mhz: int | None
    governor: str | None
    throttled: list[str] | None
    since_start: list[str] | None
    throttle_count: int | None
    power_w: float | None
    load: float | None


def run_command(command: list[str]) -> str | None:
    """What a command prints; None when there is none of that name, when it fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout


def machine(root: Path = Path("/")) -> Machine:
    """What this machine is."""
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _text(root / "proc/meminfo") or "", re.MULTILINE)
    system = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text(root / "etc/os-release") or "", re.MULTILINE)
    return Machine(
        model=_model(root),
        cpu=_cpu(cpuinfo),
        cores=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or None,
        memory_mb=int(memory[1]) * 1024 // 1_000_000 if memory else None,
        os=system[1] if system else None,
        kernel=_text(root / "proc/sys/kernel/osrelease"),
    )


def state(root: Path = Path("/"), run: Run = run_command) -> State:
    """How the machine does now; a few ms."""
    flags = _flags(root, run)
    return State(
        temperature_c=_temperature(root, run),
        clock_mhz=_clock(root, run),
        governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        throttled=None if flags is None else _names(flags),
        since_start=None if flags is None else _names(flags >> _SINCE_START),
        throttle_count=_sum(root.glob("sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")),
        power_w=_power(root, run),
        load=_load(root),
    )


def held_back(states: Iterable[State]) -> str | None:
    """Why figures measured while the machine was in these states, the first one before, are void; None: they are not.

    What has happened since the machine was switched on, but before the first state, does not count.
    """
    first, *later = states
    reasons: dict[str, None] = {}
    for one in (first, *later):
        reasons |= dict.fromkeys(one.throttled or ())
        reasons |= dict.fromkeys(name for name in one.since_start or () if name not in (first.since_start or ()))
        if (one.throttle_count or 0) > (first.throttle_count or 0):
            reasons["throttled"] = None
    return ", ".join(reasons) or None


def under_load(states: list[State]) -> State | None:
    """The worst of states, and the mean of their power; None of none."""
    if not states:
        return None
    power = [one.power_w for one in states if one.power_w is not None]
    return State(
        temperature_c=max((one.temperature_c for one in states if one.temperature_c is not None), default=None),
        clock_mhz=min((one.clock_mhz for one in states if one.clock_mhz is not None), default=None),
        governor=states[-1].governor,
        throttled=_union(one.throttled for one in states),
        since_start=_union(one.since_start for one in states),
        throttle_count=states[-1].throttle_count,
        power_w=round(sum(power) / len(power), 2) if power else None,
        load=max((one.load for one in states if one.load is not None), default=None),
    )


def _model(root: Path) -> str | None:
    tree = _text(root / "proc/device-tree/model")
    if tree:
        return tree
    said = [_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    return " ".join(part for part in said if part) or None


def _cpu(cpuinfo: str) -> str | None:
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if named:
        return named[1].strip()
    parts = dict.fromkeys(re.findall(r"^CPU part\s*:\s*(0x\w+)", cpuinfo, re.MULTILINE))
    return " + ".join(_ARM_CORES.get(part, f"ARM part {part}") for part in parts) or None


def _temperature(root: Path, run: Run) -> float | None:
    """Degrees Celsius. Without vcgencmd the hottest sensor of the processor, or else the hottest of all."""
    told = re.search(r"temp=([\d.]+)", run(["vcgencmd", "measure_temp"]) or "")
    if told:
        return float(told[1])
    found: list[tuple[bool, float]] = []
    zones = [(zone / "type", zone / "temp") for zone in root.glob("sys/class/thermal/thermal_zone*")]
    chips = [(file.parent / "name", file) for file in root.glob("sys/class/hwmon/hwmon*/temp*_input")]
    for name, file in zones + chips:
        value = _number(file)
        if value is not None:
            found.append((bool(_OF_THE_CPU.search(_text(name) or "")), value / 1000))
    return round(max(found)[1], 1) if found else None


def _clock(root: Path, run: Run) -> int | None:
    """MHz, of the fastest core where they differ."""
    told = re.search(r"frequency\(\d+\)=(\d+)", run(["vcgencmd", "measure_clock", "arm"]) or "")
    if told:
        return round(int(told[1]) / 1e6)
    paths = root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq")
    khz = [value for value in map(_number, paths) if value is not None]
    return round(max(khz) / 1000) if khz else None


def _flags(root: Path, run: Run) -> int | None:
    """The firmware's bits: from vcgencmd, or from the kernel of Raspberry Pi OS, which asks the same firmware."""
    told = run(["vcgencmd", "get_throttled"])
    if told is None:
        told = next(filter(None, map(_text, root.glob("sys/devices/platform/*/*firmware/get_throttled"))), "")
    bits = re.fullmatch(r"(?:throttled=0x|0x)?([0-9a-fA-F]+)", told.strip())
    return int(bits[1], 16) if bits else None


def _names(flags: int) -> list[str]:
    return [name for bit, name in enumerate(_FLAGS) if flags >> bit & 1]


def _power(root: Path, run: Run) -> float | None:
    """Watts: of a Pi 5's rails, else of all that hwmon measures (microwatts)."""
    rails: dict[str, dict[str, float]] = {}
    for rail, unit, value in _RAIL.findall(run(["vcgencmd", "pmic_read_adc"]) or ""):
        rails.setdefault(rail, {})[unit] = float(value)
    watts = [rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2]
    if watts:
        return round(sum(watts), 2)
    microwatts = _sum(root.glob("sys/class/hwmon/hwmon*/power*_input"))
    return None if microwatts is None else round(microwatts / 1e6, 2)


def _load(root: Path) -> float | None:
    minute = re.match(r"[\d.]+", _text(root / "proc/loadavg") or "")
    return float(minute[0]) if minute else None


def _sum(paths: Iterable[Path]) -> int | None:
    known = [value for value in map(_number, paths) if value is not None]
    return sum(known) if known else None


def _union(lists: Iterable[list[str] | None]) -> list[str] | None:
    known = [names for names in lists if names is not None]
    return list(dict.fromkeys(name for names in known for name in names)) if known else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def _text(path: Path) -> str | None:
    """The text of a file; None for none, an empty or an unreadable one."""
    try:
        # The device tree ends its texts with a zero byte.
        return os.fsdecode(path.read_bytes()).strip("\0 \n") or None
    except OSError:
        return None
