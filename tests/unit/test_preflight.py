"""What stands in the way of a hot upgrade is shown before one starts; what blocks it, blocks."""

from dataclasses import replace

import msgspec
import pytest

from hotupgrade_api.agent_messages import AgentStatus
from hotupgrade_api.launcher_messages import LauncherStatus, Mode, ProcessGeneration, ProcessState
from hotupgrade_api.resource import (
    DestinationRuleRef,
    Handoff,
    HandoffResources,
    Health,
    Istio,
    Strategy,
    StrategyType,
    TcpSocket,
    TrafficRouting,
    VirtualServiceRef,
)
from hotupgrade_api.resource_status import PreflightFinding
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan, status
from hotupgrade_operator.network_findings import NetworkFact
from hotupgrade_operator.observation import Workload
from hotupgrade_operator.pod_template import read
from hotupgrade_operator.traffic_view import TrafficView
from tests.unit.world import GOOD, NOW, World, spec, world

MIB = 1 << 20
HOT_ONLY = Strategy(type=StrategyType.HOT_ONLY)


def uses(w: World, name: str, used: int, process: int, state: str = "serving") -> World:
    """In MiB, below a limit of 100."""
    processes = [ProcessGeneration(number=1, state=ProcessState.SERVING, rss_bytes=process * MIB)]
    if state == "two":
        processes.append(msgspec.structs.replace(processes[0], state=ProcessState.WARM))
    launcher = LauncherStatus(
        sequence=1,
        mode=Mode.TRANSPARENT,
        memory_bytes=used * MIB,
        memory_limit_bytes=100 * MIB,
        generations=processes,
    )
    w.change(w.find(name), launcher=launcher)
    return w


def found(w: World, check: str) -> PreflightFinding | None:
    return next((f for f in w.seen.status.preflight if f.check == check), None)


def levels(w: World, check: str) -> list[str]:
    return [f.level for f in w.seen.status.preflight if f.check == check]


@pytest.mark.parametrize(
    ("used", "process", "level"),
    [
        *((50, 46, "Block"), (50, 45, "Warn"), (50, 31, "Warn"), (50, 30, "Pass")),
        (96, 1, "Block"),
        (10, 90, "Pass"),  # workers that share their pages
    ],
)
def test_room_below_the_limit_is_measured_by_the_process_that_serves(
    used: int, process: int, level: str
) -> None:
    w = uses(world(GOOD, strategy=HOT_ONLY), "web-1", used, process)
    w.reconcile()
    assert levels(w, "MemoryHeadroom") == [level]


def test_two_processes_that_live_already_say_nothing_of_room() -> None:
    w = uses(world(GOOD), "web-1", 90, 45, state="two")
    w.reconcile()
    assert levels(w, "MemoryHeadroom") == ["Pass"]


def test_pods_that_are_short_of_memory_are_rolled() -> None:
    w = uses(world(GOOD), "web-1", 60, 60)
    w.reconcile()
    assert w.started == []
    assert w.condition("Fallback") == ("True", "MemoryHeadroom")
    assert w.condition("Preflight") == ("False", "MemoryHeadroom")
    for _ in range(10):
        w.reconcile()
        w.roll_one()
    w.reconcile()
    assert len(w.rolls) == 1
    assert w.condition("Ready") == ("True", "Upgraded")


def test_hot_only_leaves_them_and_says_why_until_there_is_room() -> None:
    w = uses(world(GOOD, strategy=HOT_ONLY), "web-1", 60, 60)
    w.settle()
    assert w.rolls == []
    assert sorted(id.split()[0] for id in w.started) == ["web-0", "web-2", "web-3"]
    assert w.condition("Ready") == ("False", "Preflight")
    (ready,) = (c for c in w.seen.status.conditions if c.type == "Ready")
    assert "web-1: below 95 % of the memory limit, 100 MiB, there are 35 MiB" in ready.message
    assert "raise the limit" in ready.message
    uses(w, "web-1", 40, 40)
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}
    assert w.condition("Ready") == ("True", "Upgraded")


def test_resources_ignore_starts_them_all_the_same() -> None:
    w = world(GOOD, handoff=Handoff(resources=HandoffResources.IGNORE))
    uses(w, "web-1", 60, 60)
    w.settle()
    assert (w.rolls, w.revisions()) == ([], {revision_of(GOOD)})
    assert found(w, "MemoryHeadroom") is None


def test_figures_that_change_do_not_change_the_status() -> None:
    w = uses(world(GOOD, strategy=HOT_ONLY), "web-1", 60, 60)
    w.settle()
    before = w.seen.status
    uses(w, "web-1", 61, 61)
    w.reconcile()
    assert w.seen.status == before
    w.apply(spec(GOOD, strategy=HOT_ONLY, revision_history_limit=3))
    w.reconcile()
    now = found(w, "MemoryHeadroom")
    assert now is not None
    assert "34 MiB" in now.message


def test_pod_that_cannot_be_upgraded_hot_is_named_and_the_rest_counted() -> None:
    w = world(GOOD, strategy=HOT_ONLY)
    for name in ("web-1", "web-2"):
        w.change(w.find(name), hot_capable=False, reason="no seccomp listener")
    w.put(replace(w.find("web-3"), agent=None, agent_error="cannot connect"))
    w.reconcile()
    assert w.seen.status.preflight[0] == PreflightFinding(
        check="PodsCapable", level="Block", pod="web-1", pods=2, message="no seccomp listener"
    )
    assert levels(w, "PodsCapable") == ["Block", "Warn"]
    assert w.condition("Preflight") == ("False", "PodsCapable")


def test_quiet_pods_are_looked_at_too() -> None:
    w = world(GOOD)
    w.settle()
    assert w.condition("Preflight") == ("True", "Passed")
    w.put(replace(w.find("web-1"), injected=False, agent=None, refused="set its command"))
    w.settle()
    assert w.condition("Preflight") == ("False", "PodsCapable")
    assert w.seen.status.preflight[0].message == "set its command"


@pytest.mark.parametrize(
    ("room", "level"), [(None, "Pass"), (GOOD.size_limit_bytes, "Pass"), (1, "Warn")]
)
def test_store_with_less_room_than_the_artifact_may_take_is_warned_of(
    room: int | None, level: str
) -> None:
    w = world(GOOD)
    w.change(w.find("web-3"), store_room_bytes=room)
    w.reconcile()
    assert levels(w, "StoreRoom") == [level]
    w.settle()
    assert w.revisions() == {revision_of(GOOD)}


def test_readiness_probe_that_is_no_dark_probe_is_told_until_health_is_named() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-2"), probe_note="the container has no readiness probe"))
    w.reconcile()
    told = found(w, "DarkProbe")
    assert told is not None
    assert (told.level, told.pod) == ("Warn", "web-2")
    w.apply(spec(GOOD, health=Health(tcp_socket=TcpSocket(port=80))))
    w.reconcile()
    assert found(w, "DarkProbe") is None


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (NetworkFact("True", "PathsOpen"), "Pass"),
        (NetworkFact("Unknown", "CannotTell"), "Warn"),
        (NetworkFact("False", "PathShut"), "Warn"),
        (NetworkFact("False", "PathShut", holds=True), "Block"),
    ],
)
def test_network_policies_are_findings_as_the_condition_has_them(
    fact: NetworkFact, level: str
) -> None:
    w = world(GOOD)
    made = replace(plan.make(w.seen, NOW), network=fact)
    after = status.render(w.seen, made, NOW)
    assert [f.level for f in after.preflight if f.check == "NetworkPolicies"] == [level]


def routed(problem: str) -> World:
    route = Istio(
        virtual_service=VirtualServiceRef(name="web"), destination_rule=DestinationRuleRef(name="w")
    )
    w = world(GOOD, traffic_routing=TrafficRouting(istio=route))
    w.seen = replace(w.seen, traffic=TrafficView(problem=problem))
    return w


def test_route_that_is_not_there_is_a_finding_and_what_else_is_wrong_with_the_spec_is_none() -> (
    None
):
    w = routed("cannot list VirtualServices: Not Found")
    w.reconcile()
    assert w.condition("Ready") == ("False", "RouteNotFound")
    assert w.condition("Preflight") == ("False", "Routes")
    assert [f.message for f in w.seen.status.preflight] == [
        "cannot list VirtualServices: Not Found"
    ]
    refused = world(GOOD, handoff=Handoff(resources=HandoffResources.RESIZE))
    refused.reconcile()
    assert refused.seen.status.preflight == []


def test_template_is_warned_of_and_keeps_nothing_from_its_start() -> None:
    raw = b"""{"spec": {"template": {"spec": {"containers": [
        {"name": "web", "lifecycle": {"preStop": {"exec": {}}}}]}}}}"""
    w = world(GOOD)
    w.seen = replace(w.seen, workload=Workload(template=read(raw)))
    w.settle()
    assert w.condition("Preflight") == ("True", "Warnings")
    assert w.seen.status.preflight[0].field.endswith("[name=web].lifecycle.preStop.exec")
    assert w.condition("Ready") == ("True", "Upgraded")


def test_without_pods_or_with_a_spec_that_is_refused_nobody_looked() -> None:
    empty = world(GOOD, pods=0)
    empty.reconcile()
    assert empty.condition("Preflight") == ("Unknown", "NotLooked")
    refused = world(GOOD, handoff=Handoff(resources=HandoffResources.RESIZE))
    refused.reconcile()
    assert refused.condition("Preflight") == ("Unknown", "NotLooked")
    assert refused.seen.status.preflight == []


def test_agent_that_does_not_know_of_its_store_can_be_read() -> None:
    raw = b'{"podUid": "u", "sequence": 1, "agentVersion": "0"}'
    assert msgspec.json.decode(raw, type=AgentStatus).store_room_bytes is None
