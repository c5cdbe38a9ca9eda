"""Writes docs/performance.md from measured figures: nothing in it is typed by hand."""

import os
import platform
import statistics
from pathlib import Path

from bench.measure import (
    CONCURRENCY,
    ROUNDS,
    UPGRADE_EVERY_SECONDS,
    UPGRADES,
    Throughput,
    Upgrades,
)
from bench.processes import Resident

MIB = 1 << 20


def machine() -> str:
    """Cores, processor, memory and kernel of this machine, in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    memory = pages * page / (1 << 30)
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {kernel}"


def _spread(values: list[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _mebibytes(size: Resident) -> str:
    return f"{size.all / MIB:.1f} (of it {size.own / MIB:.1f} no file's)"


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def render(throughput: Throughput, upgrades: Upgrades, agent: Resident, when: str) -> str:
    """The page, as Markdown. Medians, with minimum and maximum."""
    steady, during = upgrades.steady, upgrades.during
    beyond = [a - b for a, b in zip(upgrades.to_flip, upgrades.own_start, strict=True)]
    worst_rollback = max(upgrades.rollback)
    rows = [
        ("new connections a second, with the launcher / without", f"{throughput.ratio:.3f}",
         ">= 0.99", throughput.ratio >= 0.99),
        ("CPU a request, with the launcher / without", f"{throughput.cpu_ratio:.3f}",
         "<= 1.01", throughput.cpu_ratio <= 1.01),
        ("failed requests during upgrades", f"{during['failed']} of {during['requests']}",
         "0", during["failed"] == 0),
        ("rollback, trigger to kernel program, ms", _spread(upgrades.rollback),
         "<= 10 at worst", worst_rollback <= 10),
        ("launcher RSS under steady load, MiB", _mebibytes(upgrades.resident_steady),
         "<= 4", upgrades.resident_steady.all <= 4 * MIB),
        (f"launcher RSS after {UPGRADES} upgrades, MiB", _mebibytes(upgrades.resident_after),
         "<= 4", upgrades.resident_after.all <= 4 * MIB),
        ("agent RSS, idle, MiB", _mebibytes(agent), "<= 40", agent.all <= 40 * MIB),
    ]  # fmt: skip
    table = "\n".join(f"| {a} | {b} | {c} | {_verdict(d)} |" for a, b, c, d in rows)
    latency = "\n".join(
        f"| {name} | {r['p50_ms']:.2f} | {r['p99_ms']:.2f} | {r['p999_ms']:.2f} | {r['requests']} |"
        for name, r in (("steady state", steady), ("during upgrades", during))
    )
    ratio = during["p999_ms"] / steady["p999_ms"] if steady["p999_ms"] else float("nan")
    return f"""# Performance

Measured by `make bench` {when}: {machine()}. One run; load and server share
the machine. The figures are written by the command; repeat it to get your own.

| what | figure | goal | |
|---|---|---|---|
{table}

Throughput: {ROUNDS} rounds, the server alone and under the launcher in turn (ABBA) on one port,
{CONCURRENCY} connections at a time, a new connection a request; the median of the rounds' ratios.
CPU: the server's and the launcher's own, medians; on a busy machine it says more than the rate.

## New connections, in milliseconds

At a fixed rate of 1,000 a second; {UPGRADES} upgrades, {UPGRADE_EVERY_SECONDS} s apart, every
second one taken back.

| | p50 | p99 | p99.9 | requests |
|---|---|---|---|---|
{latency}

p99.9 during upgrades / steady state: {ratio:.2f}. Two process generations share the cores while
one starts.

## One upgrade, in milliseconds

Under that load, too. From the command on the socket to the answer that all new connections are the
new process': hash of its file, stage, exec, its own start, flip. Its own start, from exec to the
first connection, is measured beside it, just before.

| phase | median (min to max) |
|---|---|
| the server's own start, without us | {_spread(upgrades.own_start)} |
| command to flip | {_spread(upgrades.to_flip)} |
| of that, beyond the server's own start | {_spread(beyond)} |
| the flip itself | {_spread(upgrades.flip)} |
"""
