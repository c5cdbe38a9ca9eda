"""`supervise`: PID 1 of the agent's container outlives whatever the agent does."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.launcher_process import launcher_binary, until


@contextmanager
def supervised(
    tmp_path: Path, script: str, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A Python child that appends its pid to a file, then does what the script says."""
    file, log = tmp_path / "pids", tmp_path / "log"
    child = f"import os, sys, time; print(os.getpid(), file=open({str(file)!r}, 'a'), flush=True)\n"
    command = [str(launcher_binary()), "supervise", *options, "--"]
    with log.open("wb") as stderr:
        process = subprocess.Popen([*command, sys.executable, "-c", child + script], stderr=stderr)
    try:
        yield process, file
    finally:
        process.terminate()
        process.wait(10)


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_command_that_ends_is_started_again_and_again(tmp_path: Path) -> None:
    with supervised(tmp_path, "sys.exit(3)") as (process, file):
        until("the third start", lambda: len(pids(file)) >= 3)
        assert process.poll() is None


def test_command_that_eats_memory_is_ended_and_started_again(tmp_path: Path) -> None:
    eat = "hog = bytearray(200 << 20)\ntime.sleep(60)"
    with supervised(tmp_path, eat, "--memory-limit", str(100 << 20)) as (process, file):
        until("the second start", lambda: len(pids(file)) >= 2)
        assert process.poll() is None
    assert re.search(r"killed.*of 104857600 bytes", (tmp_path / "log").read_text())


def test_stop_is_passed_on_and_the_status_is_the_commands(tmp_path: Path) -> None:
    script = (
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(4))\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\nwhile True: time.sleep(1)"
    )
    with supervised(tmp_path, script) as (process, _):
        until("it is ready", (tmp_path / "ready").exists)
        process.terminate()
        assert process.wait(10) == 4


def test_child_killed_many_times_never_ends_its_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path, "time.sleep(60)") as (process, file):
        for number in range(1, 5):
            until(f"start {number}", lambda n=number: len(pids(file)) >= n)
            os.kill(pids(file)[-1], signal.SIGKILL)
        until("one more", lambda: len(pids(file)) >= 5)
        assert process.poll() is None
