"""What metrics tell of one HotUpgrade, and that nothing stays behind when it is over."""

from prometheus_client import CollectorRegistry, generate_latest

from hotupgrade_api.agent_messages import AgentStatus
from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import HotUpgradeSpec, WorkloadRef
from hotupgrade_api.resource_status import (
    Condition,
    HotUpgradeStatus,
    MetricPhase,
    MetricStatus,
    Phase,
    Weights,
)
from hotupgrade_operator.fleet import ConditionState, Fleet, State
from hotupgrade_operator.measurement import measured
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.plan import Goal, Plan
from hotupgrade_operator.target import Target

TARGET = Target("abc", "v2", None, Base())


def pod(name: str, revision: str = "", **more: object) -> PodObservation:
    """revision: as its agent says; empty: it does not answer."""
    agent = AgentStatus(pod_uid=name, sequence=1, agent_version="1", revision=revision)
    return PodObservation(name=name, uid=name, agent=agent if revision else None, **more)  # type: ignore[arg-type]


def seen(*pods: PodObservation) -> Observation:
    spec = HotUpgradeSpec(
        workload_ref=WorkloadRef(api_version="apps/v1", kind="Deployment", name="web")
    )
    return Observation("shop", "web", "uid", 1, spec, HotUpgradeStatus(), pods=pods)


def plan(*standings: tuple[PodObservation, Standing]) -> Plan:
    return Plan(Goal.UPGRADE, TARGET, HotUpgradeStatus(), standings)


def test_pods_are_counted_by_standing_and_none_is_a_zero() -> None:
    pods = [(pod("a"), Standing.DONE), (pod("b"), Standing.DONE), (pod("c"), Standing.FAILED)]
    state = measured(seen(), plan(*pods), HotUpgradeStatus())
    assert {name: count for name, count in state.pods.items() if count} == {"Done": 2, "Failed": 1}
    assert set(state.pods) == {standing.value for standing in Standing}


def test_revisions_are_what_pods_serve_or_what_was_published_of_them() -> None:
    cases = {
        (pod("a", "r1"), pod("b", "r1")): 1,
        (pod("a", "r1"), pod("b", "r2")): 2,
        (pod("a", "r1"), pod("b", revision_label="r1")): 1,
        (pod("a", "r1"), pod("b")): 2,  # nothing was published: it runs its image's own
        (pod("a", "image"), pod("b")): 1,
        (pod("a", "r1"), pod("b", "r2", terminating=True)): 1,
        (pod("a", "r1"), pod("b", "r2", started=False)): 1,
        (): 0,
    }
    for pods, expected in cases.items():
        assert measured(seen(*pods), plan(), HotUpgradeStatus()).revisions == expected, pods


def test_status_is_told_as_it_is() -> None:
    status = HotUpgradeStatus(
        phase=Phase.UPGRADING,
        current_step_index=2,
        weights=Weights(stable=75, update=25),
        conditions=[Condition(type="Ready", status="False", reason="Upgrading")],
        analysis=[
            MetricStatus(name="a", phase=MetricPhase.INCONCLUSIVE),
            MetricStatus(name="b", phase=MetricPhase.INCONCLUSIVE),
        ],
        upgrade_started_at="1970-01-01T00:01:00Z",
    )
    state = measured(seen(), plan(), status)
    assert (state.phase, state.step) == ("Upgrading", 2)
    assert state.conditions == (ConditionState("Ready", "False", "Upgrading"),)
    assert state.weights == {"stable": 0.75, "update": 0.25}
    assert state.analysis["Inconclusive"] == 2
    assert set(state.analysis) == {phase.value for phase in MetricPhase}
    assert (state.started_at, state.progressed_at) == (60, 0)


def exposed(fleet: Fleet) -> str:
    registry = CollectorRegistry()
    registry.register(fleet)
    return generate_latest(registry).decode()


def test_reason_that_is_over_is_gone() -> None:
    fleet = Fleet()
    for reason in ("Upgrading", "Upgraded"):
        fleet.put("shop", "web", State("Stable", (ConditionState("Ready", "True", reason),)))
    labels = 'condition="Ready",name="web",namespace="shop",reason="Upgraded",status="True"'
    assert f"hotupgrade_condition{{{labels}}} 1.0" in exposed(fleet)
    assert "Upgrading" not in exposed(fleet)


def test_hot_upgrade_that_is_deleted_leaves_no_series() -> None:
    fleet = Fleet()
    fleet.put("shop", "web", State("Stable", pods={"Done": 1}))
    fleet.put("shop", "api", State("Stable"))
    fleet.forget("shop", "web")
    fleet.forget("shop", "never-seen")
    assert 'name="web"' not in exposed(fleet)
    assert 'name="api"' in exposed(fleet)
