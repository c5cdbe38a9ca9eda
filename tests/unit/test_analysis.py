"""An upgrade's analysis: what is counted, what follows from it, from every state in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pytest

from hotupgrade_api.resource import (
    Analysis,
    AnalysisProvider,
    HotUpgradeSpec,
    Metric,
    Pause,
    Prometheus,
    Step,
    StepAnalysis,
    Strategy,
)
from hotupgrade_api.resource_status import HotUpgradeStatus, MetricPhase, MetricStatus
from hotupgrade_operator import analysis
from hotupgrade_operator.analysis import Reply
from hotupgrade_operator.instant import written
from hotupgrade_operator.judgement import Judgement, Outcome
from tests.unit.world import NOW, WORKLOAD

GOOD, BAD, UNCLEAR, ERROR = Outcome.GOOD, Outcome.BAD, Outcome.UNCLEAR, Outcome.NO_ANSWER
NOTHING = Outcome.NOTHING_TO_COMPARE
RUNNING, SUCCESSFUL, FAILED, INCONCLUSIVE, BROKEN = (
    MetricPhase.RUNNING,
    MetricPhase.SUCCESSFUL,
    MetricPhase.FAILED,
    MetricPhase.INCONCLUSIVE,
    MetricPhase.ERROR,
)
ERRORS = Metric(
    name="errors",
    query="q",
    success="result < 1",
    interval_seconds=10,
    count=2,
    failure_limit=1,
    consecutive_error_limit=2,
)
LATENCY = msgspec.structs.replace(ERRORS, name="latency", interval_seconds=30)
STEPS = [
    Step(pause=Pause(duration_seconds=5)),
    Step(analysis=StepAnalysis(metrics=["errors"])),
    Step(pause=Pause()),
]


def spec(*metrics: Metric) -> HotUpgradeSpec:
    provider = AnalysisProvider(prometheus=Prometheus(address="http://p"))
    return HotUpgradeSpec(
        workload_ref=WORKLOAD,
        analysis=Analysis(provider=provider, metrics=list(metrics)),
        strategy=Strategy(steps=STEPS),
    )


def stored(status: HotUpgradeStatus) -> HotUpgradeStatus:
    """As an operator that was killed finds it again."""
    return msgspec.json.decode(msgspec.json.encode(status), type=HotUpgradeStatus)


@dataclass
class Run:
    """Measures whatever is due, and restarts the operator after each measurement."""

    spec: HotUpgradeSpec
    status: HotUpgradeStatus
    now: datetime = NOW

    def go(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def reply(self, *outcomes: Outcome) -> list[MetricStatus]:
        for outcome in outcomes:
            self.go(10)
            self.put(
                [Reply(m.name, m.started_at, self.now, Judgement(outcome)) for m in self.due()]
            )
        return self.status.analysis

    def put(self, replies: Sequence[Reply] = ()) -> None:
        statuses = analysis.advanced(self.spec, self.status, replies, self.now)
        self.status = stored(msgspec.structs.replace(self.status, analysis=statuses))

    def due(self) -> list[MetricStatus]:
        assert self.spec.analysis is not None
        names = [m.name for m in analysis.due(self.spec.analysis, self.status.analysis, self.now)]
        return [m for m in self.status.analysis if m.name in names]

    def step(self, index: int) -> None:
        self.status = msgspec.structs.replace(
            self.status, current_step_index=index, step_started_at=written(self.now)
        )


def run(*metrics: Metric, step: int = 0) -> Run:
    status = HotUpgradeStatus(current_step_index=step, step_started_at=written(NOW))
    found = Run(spec(*metrics), status)
    found.put()
    return found


@pytest.mark.parametrize(
    ("outcomes", "phases"),
    [
        ([GOOD, GOOD, GOOD], [RUNNING, SUCCESSFUL, SUCCESSFUL]),
        ([GOOD, BAD, GOOD, BAD], [RUNNING, RUNNING, SUCCESSFUL, FAILED]),
        ([BAD, BAD, GOOD, GOOD, GOOD], [RUNNING, FAILED, FAILED, FAILED, FAILED]),
        ([UNCLEAR, GOOD, GOOD], [INCONCLUSIVE] * 3),
        ([UNCLEAR, BAD, BAD], [INCONCLUSIVE, INCONCLUSIVE, FAILED]),
        ([ERROR, GOOD, ERROR, GOOD], [RUNNING, RUNNING, RUNNING, SUCCESSFUL]),
        ([ERROR, ERROR, GOOD, GOOD], [RUNNING, BROKEN, RUNNING, SUCCESSFUL]),
        ([GOOD, GOOD, ERROR, ERROR, GOOD], [RUNNING, *[SUCCESSFUL] * 2, BROKEN, SUCCESSFUL]),
        ([ERROR, ERROR, UNCLEAR], [RUNNING, BROKEN, INCONCLUSIVE]),
        ([ERROR, ERROR, BAD, BAD], [RUNNING, BROKEN, RUNNING, FAILED]),
        ([UNCLEAR, ERROR, ERROR], [INCONCLUSIVE] * 3),
        ([NOTHING], [INCONCLUSIVE]),
        ([GOOD, GOOD, NOTHING, NOTHING], [RUNNING, *[SUCCESSFUL] * 3]),
    ],
)
def test_a_phase_follows_from_the_measurements(
    outcomes: list[Outcome], phases: list[MetricPhase]
) -> None:
    measured = run(ERRORS)
    assert [measured.reply(outcome)[0].phase for outcome in outcomes] == phases


def test_the_first_measurement_is_after_one_interval_and_then_one_each() -> None:
    measured = run(ERRORS, LATENCY)
    assert measured.due() == []
    measured.go(9)
    assert measured.due() == []
    measured.reply(GOOD)
    assert measured.due() == []
    measured.go(11)
    assert [m.name for m in measured.due()] == ["errors", "latency"]


def test_a_failed_metric_is_not_measured_any_more() -> None:
    measured = run(ERRORS)
    measured.reply(BAD, BAD)
    measured.go(100)
    assert measured.due() == []


def test_a_reply_to_a_question_from_before_a_new_beginning_counts_for_nothing() -> None:
    measured = run(ERRORS)
    measured.go(10)
    late = [Reply("errors", written(NOW - timedelta(seconds=1)), NOW, Judgement(BAD))]
    measured.put([*late, Reply("another", written(NOW), NOW, Judgement(BAD))])
    assert measured.status.analysis == [analysis.started("errors", written(NOW))]


def test_a_step_measures_its_metrics_anew_and_the_others_go_on() -> None:
    measured = run(ERRORS, LATENCY)
    measured.reply(GOOD, GOOD, GOOD)
    measured.step(1)
    measured.put()
    assert [m.phase for m in measured.status.analysis] == [RUNNING, RUNNING]
    assert [m.successful for m in measured.status.analysis] == [0, 1]
    assert not analysis.step_done(["errors"], measured.status)
    measured.reply(GOOD)
    assert not analysis.step_done(["errors"], measured.status)
    measured.reply(GOOD)
    assert analysis.step_done(["errors"], measured.status)


def test_a_step_that_has_just_begun_is_not_done_by_what_was_measured_before() -> None:
    measured = run(ERRORS)
    measured.reply(GOOD, GOOD)
    measured.step(1)
    assert not analysis.step_done(["errors"], measured.status)


def test_a_step_forgives_no_failure_of_before() -> None:
    measured = run(ERRORS)
    measured.reply(BAD, BAD)
    measured.step(1)
    measured.put()
    assert measured.status.analysis[0].phase is FAILED


def test_the_gravest_metric_speaks_for_all() -> None:
    measured = run(ERRORS, msgspec.structs.replace(ERRORS, name="latency"))
    measured.put([Reply("errors", written(NOW), measured.now, Judgement(GOOD, "0.1"))])
    assert analysis.verdict(measured.status.analysis).phase is RUNNING
    measured.put(
        [Reply("latency", written(NOW), measured.now, Judgement(UNCLEAR, message="no samples"))]
    )
    found = analysis.verdict(measured.status.analysis)
    assert found.phase is INCONCLUSIVE
    assert found.message == "latency: no samples (0 good, 0 bad, 1 unclear)"
    for _ in range(2):
        measured.put([Reply("errors", written(NOW), measured.now, Judgement(BAD, "3", "it was 3"))])
    found = analysis.verdict(measured.status.analysis)
    assert (found.phase, found.message) == (FAILED, "errors: it was 3 (1 good, 2 bad, 0 unclear)")


def test_nothing_that_is_measured_is_successful() -> None:
    assert analysis.verdict([]).phase is SUCCESSFUL


def test_a_person_begins_anew_what_waits_and_nothing_else() -> None:
    measured = run(ERRORS, LATENCY)
    measured.reply(UNCLEAR, UNCLEAR, GOOD)
    later = NOW + timedelta(seconds=60)
    errors, latency = analysis.again(measured.status.analysis, later)
    assert errors == analysis.started("errors", written(later))
    assert latency == measured.status.analysis[1]


def test_metrics_that_come_and_go_with_the_spec_do_so_in_the_status() -> None:
    measured = run(ERRORS)
    measured.reply(GOOD)
    measured.spec = spec(LATENCY, ERRORS)
    measured.put()
    assert [(m.name, m.successful) for m in measured.status.analysis] == [
        ("latency", 0),
        ("errors", 1),
    ]


def test_a_message_is_bounded() -> None:
    measured = run(ERRORS)
    measured.put(
        [Reply("errors", written(NOW), measured.now, Judgement(BAD, message="x" * 10_000))]
    )
    assert len(measured.status.analysis[0].message) == analysis.MOST_CHARACTERS
