"""What is said of the network, and which upgrades wait for it."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hotupgrade_api.artifact_host import Host
from hotupgrade_api.resource import NetworkPolicyMode
from hotupgrade_operator import network_findings
from hotupgrade_operator.connection import End, PodEnd
from hotupgrade_operator.network_findings import NetworkFact
from hotupgrade_operator.network_policy import Policy
from hotupgrade_operator.network_view import NetworkView

START = frozenset({"web-1"})
REFUSED = "cannot connect to 10.9.0.1:8080: refused"


def policy(name: str, namespace: str = "app", **spec: Any) -> Policy:
    raw = {
        "metadata": {"namespace": namespace, "name": name, "uid": name},
        "spec": {"podSelector": {}, **spec},
    }
    return msgspec.convert(raw, Policy)


DENY_IN = policy("deny-in", policyTypes=["Ingress"])
DENY_OUT = policy("deny-out", policyTypes=["Egress"])
ALLOW_OUT = policy("allow-out", policyTypes=["Egress"], egress=[{}])
TO_PODS = policy("to-pods", policyTypes=["Egress"], egress=[{"to": [{"podSelector": {}}]}])
VIEW = NetworkView(
    pods={"web-1": End("10.0.0.1", PodEnd("app", {}))},
    operator=End("10.0.1.1", PodEnd("system", {})),
    agent_port=9440,
    host=Host("10.9.0.1", 8080),
    source=End("10.9.0.1"),
)


def told(
    *policies: Policy,
    tries: dict[str, str] | None = None,
    reached: frozenset[str] = frozenset(),
    mode: NetworkPolicyMode = NetworkPolicyMode.VERIFY,
    planned: tuple[Policy, ...] = (),
) -> NetworkFact:
    view, tries = replace(VIEW, policies=policies), tries or {}
    held = network_findings.held(view, START, tries)
    findings = network_findings.agent_findings(view, planned, reached)
    findings += network_findings.fetch_findings(view, planned, tries)
    return network_findings.fact(mode, view, findings, planned, bool(held))


def test_no_policy_is_said_to_be_none() -> None:
    assert (told().status, told().reason, told().holds) == ("True", "NoPolicies", False)


def test_shut_agent_is_named_with_the_policy_and_what_to_do() -> None:
    found = told(DENY_IN)
    assert (found.status, found.reason) == ("False", "PathShut")
    assert "web-1: operator to agent (TCP 9440)" in found.message
    assert "NetworkPolicy app/deny-in" in found.message
    assert "spec.networkPolicy.mode" in found.message


def test_an_agent_that_answers_is_not_shut_off() -> None:
    assert told(DENY_IN, reached=START).reason == "PathsOpen"


def test_shut_egress_is_named_and_holds_the_upgrade() -> None:
    found = told(DENY_OUT, reached=START)
    assert (found.reason, found.holds) == ("PathShut", True)
    assert (
        "web-1: pod to 10.9.0.1:8080 (TCP); selected by NetworkPolicy app/deny-out" in found.message
    )


def test_the_destinations_own_policies_count() -> None:
    view = replace(
        VIEW,
        source=End("10.9.0.1", PodEnd("files", {})),
        policies=(policy("closed", "files", policyTypes=["Ingress"]),),
    )
    (found,) = network_findings.fetch_findings(view, (), {})
    assert found.shut
    assert "NetworkPolicy files/closed" in str(found)
    assert network_findings.to_try(view, START) == START


@pytest.mark.parametrize(
    ("policies", "tries", "reason", "holds"),
    [
        ([ALLOW_OUT], {}, "PathsOpen", False),  # an agent of the release before says nothing
        ([ALLOW_OUT], {"web-1": ""}, "PathsOpen", False),
        ([ALLOW_OUT], {"web-1": REFUSED}, "HostUnreachable", True),  # not in force yet
        ([DENY_OUT], {"web-1": ""}, "PathsOpen", False),  # nothing enforces policies here
        ([DENY_OUT], {"web-1": REFUSED}, "HostUnreachable", True),
        ([TO_PODS], {}, "CannotTell", False),  # the address may be a Service's
        ([TO_PODS], {"web-1": ""}, "PathsOpen", False),
        ([TO_PODS], {"web-1": REFUSED}, "HostUnreachable", True),
    ],
)
def test_what_was_tried_counts_more_than_what_was_read(
    policies: list[Policy], tries: dict[str, str], reason: str, holds: bool
) -> None:
    found = told(*policies, tries=tries, reached=START)
    assert (found.reason, found.holds) == (reason, holds)
    assert REFUSED not in "".join(tries.values()) or REFUSED in found.message


def test_an_agent_tries_only_where_a_policy_stands_in_the_way() -> None:
    assert network_findings.to_try(VIEW, START) == frozenset()
    isolated = replace(VIEW, policies=(ALLOW_OUT,))
    assert network_findings.to_try(isolated, START) == START
    assert network_findings.to_try(replace(isolated, host=None), START) == frozenset()
    assert network_findings.to_try(isolated, frozenset()) == frozenset()


def test_managed_is_said_with_the_policies_beside_which_ours_stand() -> None:
    owner = {"apiVersion": "v1", "kind": "NetworkPolicy", "name": "deny-out", "uid": "1"}
    raw = msgspec.to_builtins(ALLOW_OUT)
    raw["metadata"]["ownerReferences"] = [owner]
    ours = msgspec.convert(raw, Policy)
    found = told(DENY_OUT, reached=START, mode=NetworkPolicyMode.MANAGE, planned=(ours,))
    assert (found.status, found.reason) == ("True", "Managed")
    assert "deny-out" in found.message
