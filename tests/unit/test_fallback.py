"""What cannot be upgraded hot is rolled the ordinary way, once an attempt, and watched."""

from dataclasses import replace

import msgspec
import pytest

from hotupgrade_api.agent_messages import FailureReason, PodState
from hotupgrade_api.resource import ArtifactRequires, Handoff, Strategy, StrategyType
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.actions import StartUpgrade
from hotupgrade_operator.observation import Workload
from tests.unit.world import BAD, GOOD, World, spec, world

NEW = revision_of(GOOD)


def rolled(w: World) -> None:
    """Reconciles while the workload replaces its pods, one after the other."""
    for _ in range(20):
        w.reconcile()
        w.roll_one()
    w.reconcile()


def not_capable(w: World, name: str = "web-1") -> World:
    w.change(w.find(name), hot_capable=False, reason="no seccomp listener")
    return w


def not_injected(w: World) -> World:
    w.put(replace(w.find("web-1"), injected=False, agent=None))
    return w


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: not_capable(world(GOOD)), "NotHotCapable"),
        (lambda: not_injected(world(GOOD)), "NotInjected"),
        (
            lambda: world(msgspec.structs.replace(GOOD, requires=ArtifactRequires.RESTART)),
            "RequiresRestart",
        ),
        (
            lambda: world(GOOD, strategy=Strategy(type=StrategyType.ROLLING_UPDATE)),
            "RollingUpdate",
        ),
    ],
    ids=["not capable", "not injected", "requires restart", "rolling update"],
)
def test_workload_is_rolled_once_to_the_new_revision(make: object, reason: str) -> None:
    assert callable(make)
    w: World = make()
    made = w.reconcile()
    assert w.condition("Fallback") == ("True", reason)
    assert w.condition("Ready") == ("False", "RollingOut")
    assert w.seen.status.fallback_revision == NEW
    assert not [a for a in made.actions if isinstance(a, StartUpgrade)]
    rolled(w)
    assert len(w.rolls) == 1
    assert w.revisions() == {NEW}
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.condition("Fallback") == ("False", "NotNeeded")
    assert w.seen.status.stable_revision == NEW
    assert w.seen.status.fallback_revision == ""


def test_status_that_new_pods_boot_by_is_written_before_the_workload_is_rolled() -> None:
    w = not_capable(world(GOOD))
    made = w.reconcile()
    assert w.seen.status.fallback_revision == NEW
    assert made.actions[-1] is not None


def test_hot_only_never_rolls() -> None:
    w = not_capable(world(GOOD, strategy=Strategy(type=StrategyType.HOT_ONLY)))
    w.settle()
    assert w.rolls == []
    assert w.condition("Ready") == ("False", "NotHotCapable")


def test_pod_that_injection_refuses_is_not_helped_by_a_new_one() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-1"), injected=False, agent=None, refused="set its command"))
    w.settle()
    assert w.rolls == []
    assert w.condition("Stalled")[0] == "True"


def test_pod_that_slips_through_later_is_no_reason_to_replace_the_others() -> None:
    w = world(GOOD)
    w.settle()
    not_injected(w)
    w.settle()
    assert w.rolls == []
    assert w.condition("Degraded") == ("True", "NotInjected")


def failed_hand_over(w: World, name: str) -> None:
    w.progress(
        w.find(name), state=PodState.FAILED, reason=FailureReason.NOT_HOT_CAPABLE, message="busy"
    )


def test_hand_over_that_fails_in_enough_pods_is_rolled_and_in_fewer_is_not() -> None:
    strategy = Strategy(max_concurrent=1, fallback_after=2)
    w = world(GOOD, strategy=strategy)
    w.reconcile()
    failed_hand_over(w, "web-0")
    w.reconcile()
    assert w.rolls == []
    assert w.condition("Stalled")[0] == "False"
    failed_hand_over(w, "web-1")
    w.reconcile()
    assert len(w.rolls) == 1
    assert w.condition("Fallback") == ("True", "HandOverFailed")


def test_binary_that_fails_its_health_check_is_taken_back_and_not_rolled() -> None:
    w = world(BAD)
    w.settle()
    assert w.rolls == []
    assert w.condition("Ready") == ("False", "ProbeFailed")


def test_rollout_that_does_not_get_on_is_taken_back_by_another() -> None:
    w = not_capable(world(GOOD, handoff=Handoff()))
    w.reconcile()
    w.reconcile()
    w.roll_one()
    new = next(p for p in w.seen.pods if p.name.endswith(w.seen.workload.token))
    w.put(replace(new, ready=False))
    not_capable(w, new.name)
    w.reconcile()
    w.wait(601)
    w.reconcile()
    assert w.condition("Ready") == ("False", "ProgressDeadlineExceeded")
    rolled(w)
    assert len(w.rolls) == 2
    assert w.revisions() == {"image"}
    assert w.seen.status.stable_revision == "image"


def test_workload_that_is_not_rolled_by_its_template_is_told_of() -> None:
    w = world(GOOD)
    w.seen = replace(w.seen, workload=Workload(rollable=False))
    not_capable(w)
    w.settle()
    assert w.rolls == []
    assert w.condition("Fallback") == ("False", "Impossible")
    assert w.condition("Stalled")[0] == "True"


@pytest.mark.parametrize("written", [True, False])
def test_operator_killed_between_status_and_roll_rolls_once(written: bool) -> None:
    w = not_capable(world(GOOD))
    before = w.seen.status
    w.reconcile()
    if not written:
        w.seen = replace(w.seen, status=before)
    rolled(w)
    assert len(w.rolls) == 1
    assert w.condition("Ready") == ("True", "Upgraded")


def test_next_spec_is_upgraded_hot_again_where_the_new_pods_can() -> None:
    w = not_injected(world(GOOD))
    rolled(w)
    other = msgspec.structs.replace(GOOD, sha256="4" * 64)
    w.apply(spec(other))
    w.settle()
    assert len(w.rolls) == 1
    assert w.revisions() == {revision_of(other)}
