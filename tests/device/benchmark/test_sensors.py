"""What is read from a machine: made-up file systems of a Pi, a PC and of nothing, and a vcgencmd of our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stages.device.benchmark import sensors
from stages.device.benchmark.sensors import Machine, State

PI_CPUINFO = "".join(f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n" for n in range(4))
PMIC = """\
     3V7_WL_SW_A current(0)=0.10000000A
       3V3_SYS_A current(1)=0.20000000A
     3V7_WL_SW_V volt(8)=3.70000000V
       3V3_SYS_V volt(9)=3.30000000V
         EXT5V_V volt(24)=5.10000000V
"""
NOTHING = State(
    temperature_c=None,
    clock_mhz=None,
    governor=None,
    throttled=None,
    since_start=None,
    throttle_count=None,
    power_w=None,
    load=None,
)


def tree(root: Path, **files: str) -> Path:
    """A file system with these files; their paths are written with `__` for `/`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def nothing_runs(command: list[str]) -> str | None:
    return None


def says(**answers: str) -> sensors.Run:
    """A vcgencmd that answers this."""
    return lambda command: answers.get(command[1]) if command[0] == "vcgencmd" else None


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The answers of a real program of that name on PATH, which are read from files beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "vcgencmd").write_text(f'#!/bin/sh\ncat "{folder}/$1"\n')
    (folder / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    (folder / "measure_temp").write_text("temp=48.3'C\n")
    (folder / "measure_clock").write_text("frequency(0)=2400028672\n")
    (folder / "get_throttled").write_text("throttled=0x0\n")
    (folder / "pmic_read_adc").write_text(PMIC)
    return folder


# What the machine is ----------------------------------------------------------------------------------------


def test_a_pi_is_known_by_its_device_tree_and_its_cores_by_the_names_that_lscpu_gives(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    root = tree(
        tmp_path,
        proc__cpuinfo=PI_CPUINFO,
        proc__meminfo="MemTotal:        8245328 kB\nMemFree: 1 kB\n",
        **{"etc__os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'},
        proc__sys__kernel__osrelease="6.6.31+rpt-rpi-2712\n",
    )
    assert sensors.machine(root) == Machine(
        model="Raspberry Pi 5 Model B Rev 1.0",
        cpu="Cortex-A76",
        cores=4,
        memory_mb=8443,
        os="Debian GNU/Linux 12 (bookworm)",
        kernel="6.6.31+rpt-rpi-2712",
    )


def test_a_pc_is_known_by_its_maker_and_product(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        sys__class__dmi__id__sys_vendor="Framework\n",
        sys__class__dmi__id__product_name="Laptop 13\n",
        proc__cpuinfo="".join(f"processor\t: {n}\nmodel name\t: Some CPU @ 2 GHz\n\n" for n in range(2)),
    )
    found = sensors.machine(root)
    assert (found.model, found.cpu, found.cores) == ("Framework Laptop 13", "Some CPU @ 2 GHz", 2)


def test_an_arm_core_without_a_name_keeps_its_number(tmp_path: Path) -> None:
    root = tree(tmp_path, proc__cpuinfo="processor : 0\nCPU part : 0xfff\n")
    assert sensors.machine(root).cpu == "ARM part 0xfff"


def test_a_machine_that_tells_nothing_is_unknown_and_no_error(tmp_path: Path) -> None:
    assert sensors.machine(tmp_path) == Machine(model=None, cpu=None, cores=None, memory_mb=None, os=None, kernel=None)
    assert sensors.state(tmp_path, nothing_runs) == NOTHING


# How it does ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("vcgencmd")
def test_on_a_pi_vcgencmd_is_asked(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "root",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="ondemand\n",
        proc__loadavg="0.25 0.50 0.75 1/123 4567\n",
    )
    assert sensors.state(root) == State(
        temperature_c=48.3,
        clock_mhz=2400,
        governor="ondemand",
        throttled=[],
        since_start=[],
        throttle_count=None,
        power_w=1.03,  # 0.1 A x 3.7 V + 0.2 A x 3.3 V; a rail without a current counts nothing
        load=0.25,
    )


def test_the_flags_are_told_by_name_now_and_since_the_start(tmp_path: Path, vcgencmd: Path) -> None:
    (vcgencmd / "get_throttled").write_text("throttled=0x50005\n")
    found = sensors.state(tmp_path / "root")
    assert (found.throttled, found.since_start) == (["under-voltage", "throttled"], ["under-voltage", "throttled"])
    (vcgencmd / "get_throttled").write_text("throttled=0xa000a\n")
    assert sensors.state(tmp_path / "root").throttled == ["clock capped", "soft temperature limit"]


def test_a_vcgencmd_that_may_not_ask_the_firmware_is_as_none(tmp_path: Path, vcgencmd: Path) -> None:
    (vcgencmd / "vcgencmd").write_text("#!/bin/sh\necho 'Can not open device file: /dev/vcio' >&2\nexit 1\n")
    assert sensors.state(tmp_path / "root") == NOTHING


@pytest.mark.parametrize("answer", ["", "error=1 error_msg=Command not registered", "throttled=", "temp=hot"])
def test_an_answer_that_is_none_is_as_none(tmp_path: Path, answer: str) -> None:
    names = ("measure_temp", "measure_clock", "get_throttled", "pmic_read_adc")
    assert sensors.state(tmp_path, says(**dict.fromkeys(names, answer))) == NOTHING


def test_without_vcgencmd_the_kernel_of_a_pi_tells_the_flags(tmp_path: Path) -> None:
    root = tree(tmp_path, **{"sys__devices__platform__soc__soc:firmware__get_throttled": "50004\n"})
    found = sensors.state(root, nothing_runs)
    assert (found.throttled, found.since_start) == (["throttled"], ["under-voltage", "throttled"])


def test_without_vcgencmd_the_kernel_tells_temperature_clock_and_power(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        sys__class__thermal__thermal_zone0__type="acpitz\n",
        sys__class__thermal__thermal_zone0__temp="91000\n",
        sys__class__thermal__thermal_zone1__type="cpu-thermal\n",
        sys__class__thermal__thermal_zone1__temp="48312\n",
        sys__class__hwmon__hwmon0__name="nvme\n",
        sys__class__hwmon__hwmon0__temp1_input="95000\n",
        sys__class__hwmon__hwmon1__power1_input="4250000\n",
        sys__class__hwmon__hwmon1__power2_input="1000000\n",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="1500000\n",
        sys__devices__system__cpu__cpu1__cpufreq__scaling_cur_freq="1800000\n",
        sys__devices__system__cpu__cpu2__cpufreq__scaling_cur_freq="<unknown>\n",
    )
    found = sensors.state(root, nothing_runs)
    assert (found.temperature_c, found.clock_mhz, found.power_w) == (48.3, 1800, 5.25)


def test_the_processors_own_temperature_goes_before_a_hotter_disk(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        sys__class__hwmon__hwmon0__name="k10temp\n",
        sys__class__hwmon__hwmon0__temp1_input="52000\n",
        sys__class__hwmon__hwmon1__name="nvme\n",
        sys__class__hwmon__hwmon1__temp1_input="70000\n",
    )
    assert sensors.state(root, nothing_runs).temperature_c == 52.0


def test_a_command_that_is_not_there_or_fails_says_nothing() -> None:
    assert sensors.run_command(["no-such-command-anywhere"]) is None
    assert sensors.run_command(["false"]) is None
    assert sensors.run_command(["echo", "yes"]) == "yes\n"


# What makes figures void ------------------------------------------------------------------------------------


def state(now: list[str] | None = None, since: list[str] | None = None, count: int | None = None) -> State:
    return State(
        temperature_c=None,
        clock_mhz=None,
        governor=None,
        throttled=now,
        since_start=since,
        throttle_count=count,
        power_w=None,
        load=None,
    )


def test_a_machine_that_nothing_held_back_gives_good_figures() -> None:
    assert sensors.held_back([state([], []), state([], [])]) is None
    assert sensors.held_back([NOTHING, NOTHING]) is None


def test_what_happened_before_the_first_look_does_not_count() -> None:
    assert sensors.held_back([state([], ["throttled"]), state([], ["throttled"])]) is None


@pytest.mark.parametrize(
    ("states", "why"),
    [
        ([state(["throttled"], ["throttled"]), state([], ["throttled"])], "throttled"),
        ([state([], []), state([], ["under-voltage", "throttled"])], "under-voltage, throttled"),
        ([state([], ["throttled"]), state(["throttled"], ["throttled"]), state([], ["throttled"])], "throttled"),
        ([state(count=3), state(count=4)], "throttled"),
    ],
    ids=["from the beginning", "in between, unseen", "for a moment, seen", "an x86 that counts"],
)
def test_what_held_the_machine_back_meanwhile_is_named(states: list[State], why: str) -> None:
    assert sensors.held_back(states) == why


def test_under_load_the_hottest_the_slowest_and_the_mean_power_are_told() -> None:
    cool = State(
        temperature_c=50.0,
        clock_mhz=2400,
        governor="a",
        throttled=[],
        since_start=[],
        throttle_count=None,
        power_w=4.0,
        load=0.5,
    )
    hot = State(
        temperature_c=80.5,
        clock_mhz=1500,
        governor="a",
        throttled=["throttled"],
        since_start=["throttled"],
        throttle_count=None,
        power_w=7.0,
        load=1.5,
    )
    found = sensors.under_load([cool, hot, cool])
    assert found is not None
    assert (found.temperature_c, found.clock_mhz, found.power_w) == (80.5, 1500, 5.0)
    assert found.load == 1.5
    assert (found.throttled, found.since_start) == (["throttled"], ["throttled"])
    assert sensors.under_load([NOTHING]) == NOTHING
    assert sensors.under_load([]) is None
