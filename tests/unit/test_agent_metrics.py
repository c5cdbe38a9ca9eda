"""What the agent counts of an upgrade that ended, and what it tells when it is scraped."""

import pytest

from hotupgrade_agent import metrics, upgrade
from hotupgrade_agent.upgrade import Journal
from hotupgrade_api.agent_messages import FailureReason, PodState, Progress, UpgradeCommand
from hotupgrade_api.launcher_messages import LauncherStatus, Mode, ProcessGeneration, ProcessState

PHASES = ("fetch", "listen", "flip", "rollback")


def value(sample: str, **labels: str) -> float:
    found = metrics.REGISTRY.get_sample_value(f"hotupgrade_agent_{sample}", labels)
    assert found is not None, sample
    return found


def counts() -> list[float]:
    return [value(f"{phase}_seconds_count") for phase in PHASES]


def progress(state: PodState, reason: FailureReason | None = None, **times: float) -> Progress:
    return Progress(id="a", revision="r", state=state, reason=reason, **times)  # type: ignore[arg-type]


def generation(number: int, pid: int) -> ProcessGeneration:
    return ProcessGeneration(number=number, state=ProcessState.SERVING, pid=pid)


def test_every_result_and_reason_is_there_before_it_happens() -> None:
    value("upgrades_total", result="committed", reason="")
    for reason in FailureReason:
        value("upgrades_total", result="failed", reason=reason.value)


def test_committed_upgrade_is_counted_with_the_times_that_it_took() -> None:
    before, total = counts(), value("upgrades_total", result="committed", reason="")
    flip_sum = value("flip_seconds_sum")
    metrics.ended(progress(PodState.COMMITTED, fetch_ms=10, listen_ms=20, flip_ms=0.5))
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 1, 1, 0]
    assert value("flip_seconds_sum") - flip_sum == pytest.approx(0.0005)
    assert value("upgrades_total", result="committed", reason="") == total + 1


def test_failed_upgrade_is_counted_by_its_reason_and_not_by_what_it_never_came_to() -> None:
    before = counts()
    labels = {"result": "failed", "reason": "FetchFailed"}
    total = value("upgrades_total", **labels)
    metrics.ended(progress(PodState.FAILED, FailureReason.FETCH_FAILED))
    assert counts() == before
    assert value("upgrades_total", **labels) == total + 1


def test_scrape_tells_of_living_process_generations_and_memory() -> None:
    launcher = LauncherStatus(
        sequence=1,
        mode=Mode.TRANSPARENT,
        restarts=3,
        generations=[generation(1, 0), generation(2, 17), generation(3, 18)],
        memory_bytes=5,
        memory_limit_bytes=10,
    )
    metrics.scraped(launcher, 12.5)
    assert value("launcher_up") == 1
    assert value("hot_capable") == 1
    assert value("process_generations") == 2
    assert value("app_restarts") == 3
    assert value("container_memory_bytes") == 5
    assert value("container_memory_limit_bytes") == 10
    assert value("flipped_timestamp_seconds") == 12.5


def test_scrape_tells_of_a_launcher_that_does_not_answer() -> None:
    metrics.scraped(None, 0)
    assert value("launcher_up") == 0


@pytest.mark.parametrize(
    ("state", "since"),
    [
        (PodState.PROBING, 0),
        (PodState.WATCHING, 7),
        (PodState.COMMITTED, 7),
        (PodState.ROLLING_BACK, 0),
        (PodState.FAILED, 0),
    ],
)
def test_what_serves_was_flipped_to_unless_it_was_taken_back(state: PodState, since: float) -> None:
    command = UpgradeCommand(pod_uid="p", hot_upgrade_uid="h", revision="r", id="a")
    journal = Journal(command=command, progress=progress(state), flipped_at=7)
    assert upgrade.serving_since(journal) == since


def test_nothing_was_flipped_to_where_there_was_no_upgrade() -> None:
    assert upgrade.serving_since(None) == 0
