"""Pure: the analysis of an upgrade. What was counted is in status.analysis, so an operator that was
killed goes on counting.

A metric is measured from when a pod serves the new revision, once an interval (the first time after
one: its series must be there), until the upgrade is over. Its phase follows from its counts. Failed
is final. Inconclusive waits for a person, for more of the same would not make it clearer. Error
ends by itself with the next answer: that Prometheus is down says nothing of the new revision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from hotupgrade_api.resource import Analysis, HotUpgradeSpec, Metric
from hotupgrade_api.resource_status import HotUpgradeStatus, MetricPhase, MetricStatus
from hotupgrade_operator.instant import seconds_since, written
from hotupgrade_operator.judgement import Judgement, Outcome

MOST_CHARACTERS = 400  # of a message
# Which metric speaks for all of them.
GRAVITY = (
    MetricPhase.FAILED,
    MetricPhase.INCONCLUSIVE,
    MetricPhase.ERROR,
    MetricPhase.RUNNING,
    MetricPhase.SUCCESSFUL,
)
HOLDING = (MetricPhase.INCONCLUSIVE, MetricPhase.ERROR)


@dataclass(frozen=True)
class Reply:
    """One measurement; startedAt tells it from one that was asked for before a new beginning."""

    metric: str
    started_at: str
    at: datetime  # the time that the query was for
    judgement: Judgement


@dataclass(frozen=True)
class Verdict:
    phase: MetricPhase
    message: str = ""


NOTHING_MEASURED = Verdict(MetricPhase.SUCCESSFUL)


def advanced(
    spec: HotUpgradeSpec, status: HotUpgradeStatus, replies: Sequence[Reply], now: datetime
) -> list[MetricStatus]:
    """Every metric of the spec, with what the replies say of it. Call it from when a pod serves."""
    if spec.analysis is None:
        return []
    before = {metric.name: metric for metric in status.analysis}
    answered = {(reply.metric, reply.started_at): reply for reply in replies}
    after = []
    for metric in spec.analysis.metrics:
        known = before.get(metric.name) or started(metric.name, written(now))
        if metric.name in _named(spec, status) and known.phase is not MetricPhase.FAILED:
            # A step looks at what the steps before it did, not at what was there before them.
            since = status.step_started_at
            known = known if known.started_at >= since else started(metric.name, since)
        reply = answered.get((metric.name, known.started_at))
        after.append(measured(metric, known, reply) if reply else known)
    return after


def started(name: str, at: str) -> MetricStatus:
    return MetricStatus(name=name, started_at=at)


def measured(metric: Metric, before: MetricStatus, reply: Reply) -> MetricStatus:
    """The one transition."""
    if before.phase is MetricPhase.FAILED:
        return before
    judgement, outcome = reply.judgement, reply.judgement.outcome
    if outcome is Outcome.NOTHING_TO_COMPARE:
        # Once every pod serves the new revision there is nothing left: what was compared stands.
        compared = before.phase is MetricPhase.SUCCESSFUL
        outcome = Outcome.GOOD if compared else Outcome.UNCLEAR
    errors = before.consecutive_errors + 1 if outcome is Outcome.NO_ANSWER else 0
    after = msgspec.structs.replace(
        before,
        measured_at=written(reply.at),
        successful=before.successful + (outcome is Outcome.GOOD),
        failed=before.failed + (outcome is Outcome.BAD),
        inconclusive=before.inconclusive + (outcome is Outcome.UNCLEAR),
        consecutive_errors=errors,
        value=judgement.value,
        message=judgement.message[:MOST_CHARACTERS],
    )
    return msgspec.structs.replace(after, phase=_phase(metric, after))


def again(statuses: Sequence[MetricStatus], now: datetime) -> list[MetricStatus]:
    """Somebody decided: what waited for that is measured from the beginning."""
    return [started(s.name, written(now)) if s.phase in HOLDING else s for s in statuses]


def holding(statuses: Sequence[MetricStatus]) -> set[str]:
    """The metrics that the upgrade waits for a person, or for an answer, because of."""
    return {status.name for status in statuses if status.phase in HOLDING}


def due(wanted: Analysis, statuses: Sequence[MetricStatus], now: datetime) -> list[Metric]:
    """What is to be measured now."""
    known = {status.name: status for status in statuses}
    return [
        metric
        for metric in wanted.metrics
        if (status := known.get(metric.name)) is not None
        and status.phase is not MetricPhase.FAILED
        and seconds_since(status.measured_at or status.started_at, now) >= metric.interval_seconds
    ]


def verdict(statuses: Sequence[MetricStatus]) -> Verdict:
    """Of all that is measured: Successful where nothing is."""
    gravest = min(statuses, key=lambda status: GRAVITY.index(status.phase), default=None)
    if gravest is None:
        return NOTHING_MEASURED
    counts = f"{gravest.successful} good, {gravest.failed} bad, {gravest.inconclusive} unclear"
    return Verdict(
        gravest.phase, f"{gravest.name}: {gravest.message or 'not judged yet'} ({counts})"
    )


def step_done(names: Sequence[str], status: HotUpgradeStatus) -> bool:
    """Whether each metric that the current step names became Successful since it began."""
    good = {
        metric.name
        for metric in status.analysis
        if metric.phase is MetricPhase.SUCCESSFUL and metric.started_at >= status.step_started_at
    }
    return good.issuperset(names)


def _named(spec: HotUpgradeSpec, status: HotUpgradeStatus) -> list[str]:
    steps, index = spec.strategy.steps, status.current_step_index
    step = steps[index].analysis if index < len(steps) else None
    return step.metrics if step is not None else []


def _phase(metric: Metric, counts: MetricStatus) -> MetricPhase:
    if counts.failed > metric.failure_limit:
        return MetricPhase.FAILED
    if counts.inconclusive:
        return MetricPhase.INCONCLUSIVE
    if counts.consecutive_errors >= metric.consecutive_error_limit:
        return MetricPhase.ERROR
    return MetricPhase.SUCCESSFUL if counts.successful >= metric.count else MetricPhase.RUNNING
