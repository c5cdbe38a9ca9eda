"""A HotUpgrade's plan, made again from every observation on the way, leads to the goal."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from hotupgrade_api.agent_messages import FailureReason, PodState
from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import HttpSource, Source, Strategy
from hotupgrade_api.resource_status import HotUpgradeStatus, Phase
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan, status
from hotupgrade_operator.actions import Adopt, MoveTraffic, PushTrust, Roll, StartUpgrade
from hotupgrade_operator.observation import Workload
from hotupgrade_operator.target import entry
from tests.unit.world import BAD, GOOD, NOW, World, pod, spec, world


def test_upgrades_every_pod_once_and_at_most_max_concurrent_at_a_time() -> None:
    w = world(GOOD, pods=8)
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}
    assert sorted(w.started) == sorted(set(w.started))
    assert (len(w.started), w.most_at_once) == (8, 2)
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.seen.status.stable_revision == revision_of(GOOD)
    assert {p.revision_label for p in w.seen.pods} == {revision_of(GOOD)}


def test_settled_plan_acts_no_more_and_its_status_stays_equal() -> None:
    w = world(GOOD)
    w.settle()
    before = w.seen.status
    assert w.reconcile().actions == ()
    assert w.seen.status == before


def test_first_failure_takes_every_pod_back_and_names_pod_and_reason() -> None:
    w = world(GOOD)
    w.settle()
    w.apply(spec(BAD))
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}
    assert w.condition("Ready") == ("False", "ProbeFailed")
    assert w.condition("Stalled")[0] == "True"
    assert w.seen.status.phase == Phase.ABORTED
    ready = w.seen.status.conditions[0]
    assert "web-" in ready.message
    assert "DOWN" in ready.message
    assert w.seen.status.stable_revision == revision_of(GOOD)


def test_failure_in_the_midst_brings_updated_pods_back() -> None:
    w = world(GOOD)
    w.settle()
    first, *_ = w.seen.pods
    bad = revision_of(BAD)
    w.change(first, revision=bad, committed_revision=bad)  # the bad one runs there already
    w.apply(spec(BAD))
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}


def test_rejected_revision_is_tried_again_when_the_spec_changes_only() -> None:
    w = world(BAD)
    w.settle()
    tries = len(w.started)
    w.settle()
    assert len(w.started) == tries
    w.apply(spec(GOOD))
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")


@pytest.mark.parametrize("killed_after", range(12))
def test_operator_killed_between_any_two_actions_goes_on(killed_after: int) -> None:
    w = world(GOOD)
    carried = 0
    for _ in range(50):
        made = plan.make(w.seen, w.now)
        if carried + len(made.actions) > killed_after:
            for action in made.actions[: killed_after - carried]:
                w.carry_out(action)  # and then it was killed: no status was written
            break
        carried += len(made.actions)
        w.reconcile()
        w.finish()
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}
    assert sorted(w.started) == sorted(set(w.started))


def test_paused_starts_nothing() -> None:
    w = world(GOOD, paused=True)
    w.settle()
    assert w.started == []
    assert w.condition("Paused")[0] == "True"


def test_pod_of_another_image_is_left_alone_and_named() -> None:
    w = world(GOOD)
    w.settle()
    tries = len(w.started)
    w.put(replace(pod("web-1", image="app:2")))
    w.settle()
    assert len(w.started) == tries
    assert w.condition("Superseded") == ("True", "OtherImage")


def test_workload_of_another_image_altogether_is_ready_as_the_user_deployed_it() -> None:
    w = world(GOOD)
    w.settle()
    for found in w.seen.pods:
        w.put(replace(pod(found.name, image="app:2")))
    w.settle()
    assert w.condition("Ready") == ("True", "Superseded")
    assert w.condition("Superseded") == ("True", "OtherImage")
    assert w.condition("Reconciling")[0] == "False"
    assert w.seen.status.stable_revision == revision_of(GOOD)


def test_upgrade_that_no_pod_ran_does_not_become_stable() -> None:
    w = world(GOOD)
    w.reconcile()
    for found in w.seen.pods:
        w.put(replace(pod(found.name, image="app:2")))
    w.settle()
    assert w.seen.status.stable_revision == "image"


def test_pod_that_was_not_injected_is_reported_with_what_injection_said() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-1"), injected=False, agent=None, refused="set its command"))
    w.settle()
    assert w.condition("Degraded") == ("True", "NotInjected")
    assert w.condition("Ready") == ("False", "NotInjected")
    assert w.condition("Stalled")[0] == "True"
    assert [(p.name, p.message) for p in w.seen.status.failed_pods] == [
        ("web-1", "set its command")
    ]


@pytest.mark.parametrize(
    ("replicas", "ready"), [(0, ("True", "ScaledToZero")), (3, ("False", "NoPods"))]
)
def test_no_pods_is_ready_only_where_none_are_wanted(replicas: int, ready: tuple[str, str]) -> None:
    w = world(GOOD, pods=0)
    w.seen = replace(w.seen, workload=Workload(replicas=replicas))
    w.settle()
    assert w.condition("Ready") == ready
    assert w.seen.status.stable_revision == "image"


def test_pods_of_a_hot_upgrade_that_was_made_anew_are_adopted_before_they_are_commanded() -> None:
    w = world(GOOD)
    w.seen = replace(w.seen, uid="made anew")
    made = w.reconcile()
    kinds = [
        type(a)
        for a in made.actions
        if not isinstance(a, Roll | MoveTraffic) and a.pod.name == "web-0"
    ]
    assert kinds == [Adopt, StartUpgrade]
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")


def test_rotated_ca_bundle_is_pushed_once() -> None:
    w = world(None)
    w.settle()
    w.seen = replace(w.seen, trust="rotated")
    assert {type(a) for a in w.reconcile().actions} == {PushTrust}
    assert w.reconcile().actions == ()


def test_revision_that_is_asked_for_again_holds_for_the_image_that_runs_by_then() -> None:
    w = world(GOOD)
    w.settle()
    for found in w.seen.pods:
        w.put(replace(pod(found.name, image="app:2"), created="2026-02-01T00:00:00Z"))
    other = msgspec.structs.replace(GOOD, sha256="4" * 64)
    w.apply(spec(other))
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")
    w.apply(spec(GOOD))
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.revisions() == {revision_of(GOOD)}


def test_pod_whose_launcher_found_another_file_under_the_same_image_is_superseded() -> None:
    w = world(GOOD)
    w.settle()
    tries = len(w.started)
    w.change(w.find("web-1"), revision="image", version="", superseded="another sha256")
    w.settle()
    assert len(w.started) == tries
    assert w.condition("Superseded") == ("True", "OtherImage")
    assert w.condition("Ready") == ("True", "Upgraded")


def test_wrong_digest_is_told_by_verified() -> None:
    w = world(BAD)
    w.reconcile()
    assert w.condition("Verified") == ("Unknown", "NotFetched")
    for found in w.seen.pods:
        if World.running(found):
            assert found.agent is not None
            assert found.agent.progress is not None
            failed = msgspec.structs.replace(
                found.agent.progress,
                state=PodState.FAILED,
                reason=FailureReason.DIGEST_MISMATCH,
                message="sha256 is x",
            )
            w.change(found, progress=failed)
    w.settle()
    assert w.condition("Verified") == ("False", "DigestMismatch")
    assert w.condition("Ready") == ("False", "DigestMismatch")


def test_status_stays_equal_while_pods_start_and_time_goes_by() -> None:
    w = world(GOOD)
    for found in w.seen.pods:
        w.put(replace(found, started=False, agent=None))
    w.reconcile()
    later = status.render(w.seen, plan.make(w.seen, w.now), NOW + timedelta(minutes=1))
    assert later == w.seen.status


def test_pod_that_cannot_take_part_is_not_said_to_be_rolled_back() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-1"), injected=False, agent=None, refused="set its command"))
    w.settle()
    assert w.seen.status.phase == Phase.UPGRADING


def test_pod_that_starts_or_ends_keeps_no_upgrade_from_its_end() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-0"), started=False, agent=None))
    w.put(replace(w.find("web-1"), terminating=True, agent=None))
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.seen.status.stable_revision == revision_of(GOOD)
    w.put(replace(pod("web-0")))  # it has booted what was stable when it was made
    assert w.reconcile().actions != ()
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}


@pytest.mark.parametrize("silent", [True, False])
def test_pod_that_breaks_while_it_is_upgraded_keeps_its_place(silent: bool) -> None:
    w = world(GOOD, pods=4, strategy=Strategy(max_concurrent=1))
    w.reconcile()
    first = w.find("web-0")
    assert first.agent is not None
    if silent:
        w.put(replace(first, agent=None, agent_error="no answer"))
    else:
        w.change(first, launcher=None)
    assert not [a for a in w.reconcile().actions if isinstance(a, StartUpgrade)]


def test_pod_that_was_silent_from_the_start_holds_no_place() -> None:
    w = world(GOOD, pods=2, strategy=Strategy(max_concurrent=1))
    w.put(replace(w.find("web-0"), agent=None, agent_error="no answer"))
    (start,) = (a for a in w.reconcile().actions if isinstance(a, StartUpgrade))
    assert start.pod.name == "web-1"


def test_new_source_of_the_same_bytes_reaches_new_pods() -> None:
    w = world(GOOD)
    w.settle()
    moved = msgspec.structs.replace(GOOD, source=Source(http=HttpSource(url="http://b/2")))
    w.apply(spec(moved))
    w.settle()
    known = entry(w.seen.status, revision_of(GOOD))
    assert known is not None
    assert known.artifact == moved


def failed(w: World, name: str) -> None:
    """What the pod's agent was last told has failed, just now."""
    w.progress(
        w.find(name),
        state=PodState.FAILED,
        reason=FailureReason.FETCH_FAILED,
        message="503",
        finished_at=w.now.timestamp(),
    )


def starts(w: World) -> list[str]:
    return [a.id for a in w.reconcile().actions if isinstance(a, StartUpgrade)]


def test_way_back_that_fails_is_tried_again_less_and_less_often() -> None:
    w = world(GOOD)
    w.settle()
    bad = revision_of(BAD)
    w.change(w.find("web-0"), revision=bad, committed_revision=bad)
    w.apply(spec(BAD))
    w.reconcile()
    w.finish()
    ids = []
    for _ in range(3):
        ids += starts(w)
        failed(w, "web-0")
        assert starts(w) == []
        w.wait(plan.MOST_PAUSE_SECONDS)
    assert len(ids) == len(set(ids)) == 3
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}


def test_pod_that_cannot_come_to_the_stable_revision_does_not_reject_it() -> None:
    w = world(GOOD)
    w.settle()
    w.put(replace(pod("web-1")))
    assert len(starts(w)) == 1
    failed(w, "web-1")
    w.reconcile()
    assert w.condition("Degraded") == ("True", "Failed")
    assert w.condition("Stalled")[0] == "False"
    assert w.seen.status.rejected_revision == ""
    w.wait(plan.FIRST_PAUSE_SECONDS)
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")


def test_hot_upgrade_that_is_made_anew_does_not_inherit_old_failures() -> None:
    w = world(BAD)
    w.settle()
    assert w.condition("Ready") == ("False", "ProbeFailed")
    w.seen = replace(w.seen, uid="anew", status=HotUpgradeStatus(), spec=spec(GOOD))
    tried = replace(w.seen, spec=spec(BAD))
    assert plan.make(tried, w.now).rejection is None


def test_new_revision_waits_for_the_workloads_own_rollout() -> None:
    w = world(GOOD)
    w.seen = replace(w.seen, workload=Workload(rolling=True))
    w.settle()
    assert w.started == []
    assert w.condition("Ready") == ("False", "WorkloadRolling")
    w.seen = replace(w.seen, workload=Workload())
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")


def test_hot_capable_is_told_before_the_first_upgrade() -> None:
    w = world(None)
    w.change(w.find("web-1"), hot_capable=False, reason="no seccomp listener")
    w.reconcile()
    assert w.condition("HotCapable") == ("False", "NotHotCapable")
    for found in w.seen.pods:
        w.put(replace(found, agent=None, agent_error="no answer"))
    w.reconcile()
    assert w.condition("HotCapable") == ("Unknown", "NoAgentAnswered")


def test_spec_that_cannot_be_read_is_refused_with_the_reason() -> None:
    w = world(GOOD)
    w.seen = replace(w.seen, malformed="cannot read spec: Expected `int`")
    w.settle()
    assert w.condition("Ready") == ("False", "InvalidSpec")
    assert w.started == []


@pytest.mark.parametrize("value", [0, -3, "0%"])
def test_concurrency_of_none_is_refused(value: int | str) -> None:
    w = world(GOOD, strategy=Strategy(max_concurrent=value))
    w.settle()
    assert w.condition("Ready") == ("False", "InvalidSpec")
    assert "maxConcurrent" in w.seen.status.conditions[0].message


def test_digest_of_the_replaced_file_becomes_part_of_the_base() -> None:
    w = world(GOOD)
    for found in w.seen.pods:
        w.change(found, base=Base(image="app:1", sha256="f" * 64))
    w.settle()
    known = entry(w.seen.status, revision_of(GOOD))
    assert known is not None
    assert known.base == Base(image="app:1", sha256="f" * 64)


def test_no_artifact_brings_the_image_back() -> None:
    w = world(GOOD)
    w.settle()
    w.apply(spec(None))
    w.settle()
    assert w.revisions() == {"image"}
    assert w.condition("Ready") == ("True", "Upgraded")


def test_field_of_a_later_release_is_refused_by_name() -> None:
    oci = msgspec.json.decode(b'{"ref": "r", "path": "/p"}', type=dict)
    source = msgspec.convert({"oci": oci}, Source)
    w = world(msgspec.structs.replace(GOOD, source=source))
    w.settle()
    assert w.condition("Ready") == ("False", "NotImplemented")
    assert "spec.artifact.source.oci" in w.seen.status.conditions[0].message
    assert w.started == []
