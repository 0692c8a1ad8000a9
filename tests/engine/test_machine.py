"""What the machine allows: control groups of both versions, and what one share of a limit is."""

from __future__ import annotations

import os

import pytest

from nomad.engine.machine import cores, memory, total_memory

HOST = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
UNLIMITED = "9223372036854771712"


@pytest.fixture
def machine(tmp_path):
    """A machine told by its files: of the process's groups, and of their limits."""

    def make(own: str, **limits: str):
        for path, text in {"proc/self/cgroup": own, **limits}.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n", encoding="utf-8")
        return tmp_path

    return make


def test_a_container_has_its_limit_at_the_top(machine):
    top = machine("0::/", **{"sys/fs/cgroup/memory.max": "1000000"})

    assert total_memory(top) == 1_000_000


def test_no_limit_is_the_hosts_memory(machine):
    assert total_memory(machine("0::/", **{"sys/fs/cgroup/memory.max": "max"})) == HOST


def test_without_control_groups_the_host_counts(tmp_path):
    assert total_memory(tmp_path) == HOST
    assert cores(tmp_path) == len(os.sched_getaffinity(0))


def test_the_lowest_limit_of_all_groups_above_counts(machine):
    top = machine("0::/system.slice/nomad.service", **{
        "sys/fs/cgroup/system.slice/nomad.service/memory.max": "3000000",
        "sys/fs/cgroup/system.slice/memory.max": "2000000",
    })  # fmt: skip

    assert total_memory(top) == 2_000_000


def test_version_1_has_a_tree_for_each_kind(machine):
    top = machine("4:memory:/user/x\n1:cpu,cpuacct:/user/x\n0::/", **{
        "sys/fs/cgroup/memory/user/x/memory.limit_in_bytes": "5000000",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
        "sys/fs/cgroup/cpu/user/x/cpu.cfs_quota_us": "50000",
        "sys/fs/cgroup/cpu/user/x/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    })  # fmt: skip

    assert total_memory(top) == 5_000_000
    assert cores(top) == 1


def test_a_container_of_version_1_is_told_the_hosts_path(machine):
    top = machine("4:memory:/docker/1f2e", **{
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "7000000",
    })  # fmt: skip

    assert total_memory(top) == 7_000_000


def test_a_quota_of_time_is_rounded_up_to_whole_cores(machine):
    top = machine("0::/", **{"sys/fs/cgroup/cpu.max": "50000 100000"})

    assert cores(top) == 1


def test_one_share_of_a_limit():
    assert memory("100%", shares=4) == f"{HOST_LIMIT // 4}B"
    assert memory("3GB", shares=2) == "1500000000B"
    assert memory("1 GiB", shares=2) == "536870912B"
    assert memory("1.5tb") == "1.5tb"


HOST_LIMIT = total_memory()
