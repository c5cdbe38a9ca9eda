"""A program of the tests' own beside the pods: in the cluster's network, ended by its pid."""

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster import until

STOP_SECONDS = 10


@contextmanager
def running(command: list[str], log: Path, ready: str) -> Iterator[None]:
    """Until the block ends. ready: a URL that answers 200 once it serves."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until(f"{command[0]} ready", lambda: _answers(ready), explain=log.read_text)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
