"""What `lint --cluster` says of a manifest: what the operator found of the pods where it still
holds, and the pod template."""

import json
from typing import Any

import msgspec
import pytest

from hotupgrade_api.resource import Handoff, HandoffResources, Health, TcpSocket, TrafficRouting
from hotupgrade_kubectl import preflight
from hotupgrade_kubectl.objects import HotUpgrade, Pod
from hotupgrade_operator.pod_template import PodTemplate, read
from hotupgrade_operator.preflight import told
from tests.unit.kubectl.seen import GENERATION, hot_upgrade, pod

FOUND = [
    {"check": "Routes", "level": "Block", "message": "cannot find VirtualService web"},
    {"check": "MemoryHeadroom", "level": "Block", "pod": "web-a", "pods": 2, "message": "short"},
    {"check": "DarkProbe", "level": "Warn", "pod": "web-a", "pods": 1, "message": "no probe"},
    {"check": "StoreRoom", "level": "Warn", "pod": "web-a", "pods": 1, "message": "full"},
    {"check": "Probes", "level": "Warn", "field": "of the template before", "message": "exec"},
    {"check": "PodsCapable", "level": "Pass", "message": "every pod"},
]
HOOK = {"containers": [{"name": "web", "lifecycle": {"preStop": {"exec": {}}}}]}


def template(spec: Any) -> PodTemplate:
    found = read(json.dumps({"spec": {"template": {"spec": spec}}}).encode())
    assert found is not None
    return found


def applied(**status: Any) -> HotUpgrade:
    return hot_upgrade({"preflight": FOUND, **status})


def checks(seen: HotUpgrade, **changes: Any) -> list[str]:
    spec = msgspec.structs.replace(seen.spec, **changes)
    found = preflight.of_manifest(spec, template({"containers": [{"name": "web"}]}), [], seen)
    return [f.check for f in found if f.level != "Pass"]


@pytest.mark.parametrize(
    ("changes", "dropped"),
    [
        ({}, set()),
        ({"handoff": Handoff(resources=HandoffResources.IGNORE)}, {"MemoryHeadroom"}),
        ({"health": Health(tcp_socket=TcpSocket(port=1))}, {"DarkProbe"}),
        ({"artifact": None}, {"StoreRoom"}),
        ({"traffic_routing": TrafficRouting()}, {"Routes"}),
    ],
)
def test_what_was_found_for_another_spec_is_left_out_where_it_does_not_hold(
    changes: Any, dropped: set[str]
) -> None:
    everything = {"Routes", "MemoryHeadroom", "DarkProbe", "StoreRoom"}
    assert set(checks(applied(), **changes)) == everything - dropped


def test_template_is_looked_at_anew() -> None:
    found = preflight.of_manifest(applied().spec, template(HOOK), [], applied())
    fields = [f.field for f in found if f.field]
    assert fields == ["spec.template.spec.containers[name=web].lifecycle.preStop.exec"]


def test_pods_that_no_operator_looked_at_are_injected_or_not() -> None:
    injected = msgspec.convert(
        {**pod("web-a", "image"), "spec": {"initContainers": [{"name": "hotupgrade-agent"}]}}, Pod
    )
    plain = msgspec.convert(pod("web-b", "image"), Pod)
    noted = pod("web-c", "image")
    noted["metadata"]["annotations"]["hotupgrade.io/injected"] = '{"refused": "set its command"}'
    spec, empty = hot_upgrade().spec, template({})

    def shown(*pods: Pod) -> list[str]:
        return [told(f) for f in preflight.of_manifest(spec, empty, pods, None)]

    assert shown(injected) == []
    assert shown(injected, plain)[0].startswith("web-b: it has no launcher")
    assert shown(msgspec.convert(noted, Pod), plain) == ["2 pods, web-c: set its command"]
    assert "no pod has the label" in shown()[0]


def test_workload_that_is_nowhere_blocks() -> None:
    found = preflight.of_manifest(hot_upgrade().spec, None, [], None)
    assert preflight.is_blocked(found)
    assert "Deployment web is neither" in found[0].message


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, ""),
        ({"observedGeneration": GENERATION - 1}, "has not seen the spec as it is now"),
        (
            {
                "preflight": [],
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "False",
                        "reason": "Invalid",
                        "message": "wrong",
                    }
                ],
            },
            "did not look: wrong",
        ),
    ],
)
def test_findings_of_another_spec_are_not_shown_as_this_ones(status: Any, why: str) -> None:
    found = preflight.unseen(applied(**status))
    assert (why in found, bool(found)) == (True, bool(why))


def test_gravest_is_shown_first() -> None:
    shown = [str(line) for line in preflight.lines(list(reversed(applied().status.preflight)))]
    assert shown[0] == "Block: MemoryHeadroom: 2 pods, web-a: short"
    assert shown[-1].startswith("Pass: ")
