"""An upgrade with an analysis, through the whole plan: measured while it serves, taken back by a
breach, held where it is unclear."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
import pytest

from hotupgrade_api.resource import (
    Analysis,
    AnalysisProvider,
    Handoff,
    Metric,
    Pause,
    Prometheus,
    Step,
    StepAnalysis,
    Strategy,
)
from hotupgrade_api.resource_status import Condition, MetricPhase, Phase
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.actions import Action, Promote, TakeBack
from hotupgrade_operator.analysis import Reply
from hotupgrade_operator.judgement import Judgement, Outcome
from hotupgrade_operator.question import Question
from tests.unit.world import GOOD, World, world

NEW = revision_of(GOOD)
INTERVAL, WINDOW = 10, 60
ERRORS = Metric(
    name="errors",
    query='errors{pod=~"$(pods)"}',
    success="result < 0.1",
    interval_seconds=INTERVAL,
    count=2,
)
PROVIDER = AnalysisProvider(prometheus=Prometheus(address="http://p:9090"))
FOREVER = Step(pause=Pause())
MEASURE = Step(analysis=StepAnalysis(metrics=["errors"]))


@dataclass
class Watched:
    """An upgrade, and a Prometheus that answers every question with the same outcome."""

    world: World
    outcome: Outcome = Outcome.GOOD
    asked: list[Question] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def run(self, seconds: int) -> None:
        """The status alone goes from one second to the next, as with a killed operator."""
        for _ in range(seconds):
            made = self.world.reconcile()
            self.asked += made.questions
            self.actions += made.actions
            judgement = Judgement(self.outcome, "0.5", "it was 0.5")
            replies = tuple(
                Reply(q.metric.name, q.started_at, self.world.now, judgement)
                for q in made.questions
            )
            self.world.seen = replace(self.world.seen, replies=replies)
            self.world.now += timedelta(seconds=1)

    def request(self, verb: str) -> None:
        self.world.seen = replace(self.world.seen, request=f"{verb}/{self.world.now.timestamp()}")

    def phase(self) -> MetricPhase:
        return self.world.seen.status.analysis[0].phase

    def condition(self, kind: str) -> Condition:
        return next(c for c in self.world.seen.status.conditions if c.type == kind)

    def did(self, kind: type) -> int:
        return sum(isinstance(action, kind) for action in self.actions)


def watched(*steps: Step, pods: int = 4) -> Watched:
    return Watched(
        world(
            GOOD,
            pods=pods,
            analysis=Analysis(provider=PROVIDER, metrics=[ERRORS]),
            strategy=Strategy(max_concurrent="100%", steps=list(steps)),
            handoff=Handoff(rollback_window_seconds=WINDOW),
        )
    )


def test_good_measurements_let_the_upgrade_end_after_its_window() -> None:
    w = watched()
    w.run(WINDOW)
    assert w.did(Promote) == 0
    w.run(10)
    assert w.did(Promote) == 4
    assert w.world.seen.status.stable_revision == NEW
    asked = len(w.asked)
    assert asked == WINDOW // INTERVAL
    w.run(3 * INTERVAL)
    assert len(w.asked) == asked


def test_the_window_does_not_end_before_every_metric_is_successful() -> None:
    w = watched()
    w.run(INTERVAL + 5)
    assert w.phase() is MetricPhase.RUNNING
    w.world.now += timedelta(seconds=10 * WINDOW)
    w.run(1)
    assert w.did(Promote) == 0
    w.run(2)
    assert w.did(Promote) == 4


def test_the_pods_that_serve_the_revision_are_asked_for() -> None:
    w = watched(Step(set_pods=2), FOREVER)
    w.run(INTERVAL + 5)
    names = [pod.name for pod in w.world.seen.pods]
    assert [q.query for q in w.asked] == [f'errors{{pod=~"{names[0]}|{names[1]}"}}']


def test_nothing_is_measured_before_a_pod_serves() -> None:
    w = watched(FOREVER, Step(set_pods=1))
    w.run(5 * INTERVAL)
    assert w.asked == []
    assert w.world.seen.status.analysis == []


@pytest.mark.parametrize("steps", [(), (Step(set_weight=10), FOREVER), (Step(set_pods=1), MEASURE)])
def test_a_breach_takes_every_pod_back(steps: tuple[Step, ...]) -> None:
    w = watched(*steps)
    w.outcome = Outcome.BAD
    w.run(INTERVAL + 5)
    status = w.world.seen.status
    assert w.did(TakeBack) == (1 if steps and steps[0].set_pods else 4)
    assert (status.rejected_revision, status.stable_revision) == (NEW, "image")
    assert status.phase == Phase.ABORTED
    ready = w.condition("Ready")
    assert (ready.status, ready.reason) == ("False", "AnalysisFailed")
    assert "errors: it was 0.5" in ready.message
    assert w.condition("Stalled").status == "True"
    assert w.phase() is MetricPhase.FAILED  # still there to be looked at
    asked = len(w.asked)
    w.run(5 * INTERVAL)
    assert len(w.asked) == asked
    assert w.world.seen.status == status


def test_a_breach_in_the_rollback_window_takes_every_pod_back() -> None:
    w = watched()
    w.run(WINDOW - 1)
    assert w.world.seen.status.window_started_at
    w.outcome = Outcome.BAD
    w.run(INTERVAL + 5)
    assert w.did(TakeBack) == 4
    assert w.condition("Ready").reason == "AnalysisFailed"


def test_a_retry_measures_from_the_beginning() -> None:
    w = watched()
    w.outcome = Outcome.BAD
    w.run(INTERVAL + 5)
    w.request("retry")
    w.outcome = Outcome.GOOD
    w.run(WINDOW + INTERVAL)
    assert w.world.seen.status.stable_revision == NEW


def test_a_step_waits_for_its_metrics() -> None:
    w = watched(Step(set_pods=1), MEASURE, Step(set_pods="100%"))
    w.run(2 * INTERVAL)
    assert w.world.seen.status.current_step_index == 1
    w.run(6)
    assert w.world.seen.status.current_step_index == 3


def test_what_is_unclear_holds_the_upgrade_until_a_person_decides() -> None:
    w = watched(Step(set_pods=1), MEASURE, Step(set_pods="100%"))
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.outcome = Outcome.GOOD
    w.run(20 * INTERVAL)
    paused = w.condition("Paused")
    assert (paused.status, paused.reason) == ("True", "AnalysisInconclusive")
    assert w.condition("Ready").reason == "Paused"
    assert w.world.seen.status.current_step_index == 1
    assert w.world.seen.status.phase == Phase.PAUSED


def test_resume_measures_anew_and_goes_on() -> None:
    w = watched(Step(set_pods=1), MEASURE, FOREVER)
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.request("resume")
    w.outcome = Outcome.GOOD
    w.run(INTERVAL)
    assert w.condition("Paused").status == "False"
    w.run(INTERVAL + 5)
    assert w.world.seen.status.current_step_index == 2


def test_a_change_of_the_spec_measures_anew() -> None:
    w = watched(Step(set_pods=1), MEASURE, FOREVER)
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.world.seen = replace(w.world.seen, generation=2)
    w.outcome = Outcome.GOOD
    w.run(2 * INTERVAL + 5)
    assert w.world.seen.status.current_step_index == 2


def test_promote_goes_past_the_step_that_waits_for_a_metric() -> None:
    w = watched(Step(set_pods=1), MEASURE, FOREVER)
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.request("promote")
    w.run(2)
    assert w.world.seen.status.current_step_index == 2
    assert w.condition("Paused").reason == "PauseStep"


def test_promote_goes_past_a_metric_that_holds_another_step_and_not_past_the_step() -> None:
    w = watched(Step(set_pods=1), FOREVER)
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    assert w.condition("Paused").reason == "AnalysisInconclusive"
    w.request("promote")
    w.run(2)
    assert w.world.seen.status.current_step_index == 1
    assert w.condition("Paused").reason == "PauseStep"


def test_promote_keeps_to_a_step_that_waits_for_another_metric() -> None:
    w = watched(Step(set_pods=1), Step(analysis=StepAnalysis(metrics=["latency"])), FOREVER)
    latency = msgspec.structs.replace(ERRORS, name="latency", interval_seconds=1000)
    analysis = Analysis(provider=PROVIDER, metrics=[ERRORS, latency])
    w.world.seen = replace(
        w.world.seen, spec=msgspec.structs.replace(w.world.seen.spec, analysis=analysis)
    )
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.request("promote")
    w.run(2)
    assert w.world.seen.status.current_step_index == 1
    assert w.condition("Paused").status == "False"


def test_promote_ends_a_window_that_is_held() -> None:
    w = watched()
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.request("promote")
    w.run(3)
    assert w.did(Promote) == 4


def test_abort_goes_back_from_what_is_unclear() -> None:
    w = watched()
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.request("abort")
    w.run(3)
    assert w.did(TakeBack) == 4
    assert w.condition("Ready").reason == "Aborted"
    assert w.condition("Paused").status == "False"


def test_what_is_unclear_may_still_fail() -> None:
    w = watched()
    w.outcome = Outcome.UNCLEAR
    w.run(INTERVAL + 5)
    w.outcome = Outcome.BAD
    w.run(INTERVAL + 5)
    assert w.did(TakeBack) == 4


def test_without_answers_the_upgrade_waits_and_goes_on_with_the_next() -> None:
    w = watched()
    w.outcome = Outcome.NO_ANSWER
    w.run(5 * INTERVAL)
    paused = w.condition("Paused")
    assert (paused.status, paused.reason) == ("True", "AnalysisError")
    assert "it was 0.5" in paused.message
    w.run(WINDOW)
    assert w.did(Promote) == 0
    w.outcome = Outcome.GOOD
    w.run(3 * INTERVAL)
    assert w.condition("Paused").status == "False"
    assert w.did(Promote) == 4


def test_it_is_measured_while_it_is_paused() -> None:
    w = watched(Step(set_pods=1), FOREVER)
    w.run(3)
    w.request("pause")
    w.outcome = Outcome.BAD
    w.run(INTERVAL + 5)
    assert w.did(TakeBack) == 1


def test_an_operator_that_loses_every_reply_asks_again() -> None:
    w = watched()
    w.run(INTERVAL + 5)
    asked = len(w.asked)
    for _ in range(3):
        w.world.seen = replace(w.world.seen, replies=())
        w.world.now += timedelta(seconds=INTERVAL)
        w.asked += w.world.reconcile().questions
    assert len(w.asked) == asked + 3
