"""Steps: each asks for its share and takes its time; a killed operator goes on where it was."""

from dataclasses import replace

import pytest

from hotupgrade_api.agent_messages import FailureReason, PodState
from hotupgrade_api.resource import Handoff, Pause, Step, Strategy
from hotupgrade_api.resource_status import Phase
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan
from hotupgrade_operator.actions import Promote, SetWeight, StartUpgrade, TakeBack
from tests.unit.world import GOOD, World, world

NEW = revision_of(GOOD)
WINDOW = 60
FOREVER = Pause()


def stepwise(*steps: Step, pods: int = 4) -> World:
    strategy = Strategy(max_concurrent="100%", steps=list(steps))
    return world(
        GOOD, pods=pods, strategy=strategy, handoff=Handoff(rollback_window_seconds=WINDOW)
    )


def set_pods(value: int | str) -> Step:
    return Step(set_pods=value)


def set_weight(value: int) -> Step:
    return Step(set_weight=value)


def pause(seconds: int) -> Step:
    return Step(pause=Pause(duration_seconds=seconds))


def run(w: World, times: int = 6) -> None:
    """Some reconciles, in which no time goes by."""
    for _ in range(times):
        w.reconcile()


def weights(w: World) -> list[int]:
    """Of each pod that holds or is done."""
    found = []
    for pod in w.seen.pods:
        assert pod.agent is not None
        progress = pod.agent.progress
        if progress is not None and progress.state is PodState.HOLDING:
            found.append(progress.weight)
        elif progress is not None and progress.state is PodState.COMMITTED:
            found.append(100)
    return found


def test_set_pods_upgrades_so_many_and_no_more() -> None:
    w = stepwise(set_pods(1), Step(pause=FOREVER), set_pods("50%"), Step(pause=FOREVER))
    run(w)
    assert weights(w) == [100]
    assert w.condition("Paused") == ("True", "PauseStep")
    assert w.seen.status.phase == Phase.PAUSED
    w.request("promote/1")
    run(w)
    assert weights(w) == [100, 100]
    assert w.seen.status.current_step_index == 3
    assert w.seen.status.weights.update == 50


def test_set_weight_is_of_every_pod_where_no_set_pods_was_before() -> None:
    w = stepwise(set_weight(10), Step(pause=FOREVER), set_weight(50), Step(pause=FOREVER))
    run(w)
    assert weights(w) == [10] * 4
    assert w.seen.status.weights.update == 10
    w.request("promote/1")
    run(w)
    assert weights(w) == [50] * 4


def test_pause_lasts_as_long_as_it_says() -> None:
    w = stepwise(set_pods(1), pause(300))
    run(w)
    w.wait(299)
    run(w)
    assert (w.seen.status.current_step_index, weights(w)) == (1, [100])
    w.wait(2)
    run(w)
    assert (w.seen.status.current_step_index, weights(w)) == (2, [100] * 4)


def test_nothing_starts_before_a_pause_that_comes_first() -> None:
    w = stepwise(Step(pause=FOREVER))
    run(w)
    assert w.started == []
    w.request("promote/1")
    run(w)
    assert weights(w) == [100] * 4


def test_old_processes_stay_warm_until_the_window_after_the_last_step_is_over() -> None:
    w = stepwise(set_weight(50))
    run(w)
    assert weights(w) == [100] * 4
    assert w.condition("Ready")[0] == "False"
    w.wait(WINDOW - 1)
    assert not [a for a in w.reconcile().actions if isinstance(a, Promote)]
    w.wait(2)
    run(w)
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.seen.status.stable_revision == NEW
    assert sorted(w.started) == sorted(set(w.started))


def test_pod_that_fails_while_it_holds_takes_every_pod_back() -> None:
    w = stepwise(set_weight(10), Step(pause=FOREVER))
    run(w)
    first = w.seen.pods[0]
    w.progress(
        first, state=PodState.FAILED, reason=FailureReason.PROBE_FAILED, message="DOWN", weight=0
    )
    taken_back = {a.pod.name for a in w.reconcile().actions if isinstance(a, TakeBack)}
    assert taken_back == {pod.name for pod in w.seen.pods[1:]}
    run(w)
    assert w.revisions() == {"image"}
    assert w.condition("Ready") == ("False", "ProbeFailed")


def test_pod_that_is_born_after_the_steps_gets_the_stable_revision_without_them() -> None:
    w = stepwise(set_weight(10))
    run(w)
    w.wait(WINDOW)
    run(w)
    born = replace(world(GOOD, pods=1).seen.pods[0], name="web-9", uid="web-9")
    w.seen = replace(w.seen, pods=(*w.seen.pods, born))
    (start,) = (a for a in w.reconcile().actions if isinstance(a, StartUpgrade))
    assert (start.pod.name, start.hold) == ("web-9", False)


@pytest.mark.parametrize("killed_after", range(30))
def test_operator_killed_between_any_two_actions_goes_on(killed_after: int) -> None:
    """It had written the status of that reconcile or not, and done a part of its actions."""
    for written in (True, False):
        w = stepwise(set_pods(1), pause(10), set_weight(50), set_pods(3), pause(10))
        carried, killed = 0, False
        for _ in range(60):
            made = plan.make(w.seen, w.now)
            if not killed and carried + len(made.actions) > killed_after:
                killed = True
                before = w.seen.status
                for action in made.actions[: killed_after - carried]:
                    w.carry_out(action)
                if not written:
                    w.seen = replace(w.seen, status=before)
            else:
                carried += len(made.actions)
                w.reconcile()
            w.wait(5)
        assert w.condition("Ready") == ("True", "Upgraded")
        assert sorted(w.started) == sorted(set(w.started))


def test_weights_only_grow_and_no_more_pods_than_asked_for_ever_serve() -> None:
    w = stepwise(set_pods(2), set_weight(10), pause(10), set_weight(50), pause(10))
    before = 0
    for _ in range(40):
        made = w.reconcile()
        if made.status.current_step_index <= 4 and made.status.stable_revision != NEW:
            assert len(weights(w)) <= 2
        share = w.seen.status.weights.update
        assert share >= before
        before = share
        w.wait(2)
    assert not [a for a in w.reconcile().actions if isinstance(a, SetWeight)]


def test_nothing_that_moves_for_too_long_is_told_and_still_tried() -> None:
    w = stepwise(set_pods(2))
    w.put(replace(w.find("web-0"), agent=None, agent_error="no answer"))
    w.put(replace(w.find("web-1"), agent=None, agent_error="no answer"))
    w.put(replace(w.find("web-2"), agent=None, agent_error="no answer"))
    run(w)
    assert w.condition("Ready") == ("False", "Upgrading")
    w.wait(601)
    run(w)
    assert w.condition("Ready") == ("False", "ProgressDeadlineExceeded")
    assert w.condition("Stalled")[0] == "True"
    for name in ("web-0", "web-1", "web-2"):
        w.put(replace(world(GOOD).find(name)))
    run(w)
    w.wait(WINDOW)
    run(w)
    assert w.condition("Ready") == ("True", "Upgraded")


def test_pause_takes_its_time_without_being_overdue() -> None:
    w = stepwise(set_pods(1), Step(pause=FOREVER))
    run(w)
    w.wait(10_000)
    run(w)
    assert w.condition("Stalled")[0] == "False"


@pytest.mark.parametrize("steps", [(2, 1), ("50%", "10%"), (2, "50%", 1)])
def test_step_that_would_take_pods_back_is_refused(steps: tuple[int | str, ...]) -> None:
    w = stepwise(*(set_pods(value) for value in steps))
    run(w)
    assert w.condition("Ready") == ("False", "InvalidSpec")
    assert f"setPods is {steps[-1]}" in w.seen.status.conditions[0].message
