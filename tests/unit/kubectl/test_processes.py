"""What an agent's metrics tell of the process generations in its pod."""

import pytest
from prometheus_client import generate_latest

from hotupgrade_agent import metrics
from hotupgrade_api.launcher_messages import (
    LauncherStatus,
    Mode,
    ProcessGeneration,
    ProcessState,
)
from hotupgrade_kubectl.processes import Processes, read, told


def page(launcher: LauncherStatus | None) -> str:
    """As the agent answers it."""
    metrics.scraped(launcher, 0.0)
    return generate_latest(metrics.REGISTRY).decode()


def test_process_generations_restarts_and_memory_are_those_of_the_launcher() -> None:
    alive = [
        ProcessGeneration(number=1, state=ProcessState.WARM, pid=7),
        ProcessGeneration(number=2, state=ProcessState.SERVING, pid=8),
    ]
    status = LauncherStatus(
        sequence=1,
        mode=Mode.TRANSPARENT,
        restarts=3,
        generations=alive,
        memory_bytes=40 << 20,
        memory_limit_bytes=96 << 20,
    )
    found = read(page(status))
    assert found == Processes(2, 3, 40 << 20, 96 << 20)
    assert told(found) == "2 processes, restarted 3 times, 40 MiB of 96 MiB"


def test_launcher_that_does_not_answer_is_said_to_be_silent() -> None:
    assert told(read(page(None))) == "its launcher does not answer"


@pytest.mark.parametrize("text", ["", "<html>", "hotupgrade_agent_launcher_up much\n"])
def test_page_that_is_another_is_not_believed(text: str) -> None:
    assert read(text).unknown
