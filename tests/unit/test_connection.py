"""Whether policies let a connection pass, by the words of the NetworkPolicy API."""

from typing import Any

import msgspec
import pytest

from hotupgrade_operator.connection import Connection, End, NamedPort, PodEnd, Verdict, judge
from hotupgrade_operator.network_policy import Policy

YES, MAYBE, NO = Verdict.YES, Verdict.MAYBE, Verdict.NO
WEB = End("10.0.0.1", PodEnd("app", {"app": "web"}, {"team": "a"}, (NamedPort("agent", 9440),)))
OPERATOR = End("10.0.0.2", PodEnd("system", {"part": "operator"}, {"team": "b"}))
OUTSIDE = End("192.0.2.7")
NAMED = End()  # a host name
SIX = End("2001:db8::7")


def policy(namespace: str = "app", name: str = "p", **spec: Any) -> Policy:
    raw = {"metadata": {"namespace": namespace, "name": name}, "spec": {"podSelector": {}, **spec}}
    return msgspec.convert(raw, Policy)


def ingress(**rule: Any) -> Policy:
    return policy(policyTypes=["Ingress"], ingress=[rule])


def egress(**rule: Any) -> Policy:
    return policy(policyTypes=["Egress"], egress=[rule])


PRIVATE = {"ipBlock": {"cidr": "10.0.0.0/8"}}
SYSTEM = {"namespaceSelector": {"matchLabels": {"team": "b"}}}
IN: list[tuple[str, list[Policy], Verdict]] = [
    ("no policy", [], YES),
    ("a policy of another namespace", [policy("other", policyTypes=["Ingress"])], YES),
    ("a policy for other pods", [policy(podSelector={"matchLabels": {"app": "db"}})], YES),
    ("an empty selector", [policy(policyTypes=["Ingress"])], NO),
    ("without types it is ingress", [policy()], NO),
    ("egress only", [policy(policyTypes=["Egress"])], YES),
    ("a rule for everything", [ingress()], YES),
    ("its namespace", [ingress(**{"from": [SYSTEM]})], YES),
    ("pods of the policy's own namespace", [ingress(**{"from": [{"podSelector": {}}]})], NO),
    (
        "pods of such a namespace",
        [ingress(**{"from": [{**SYSTEM, "podSelector": {"matchLabels": {"part": "x"}}}]})],
        NO,
    ),
    ("its address, of a pod", [ingress(**{"from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]})], MAYBE),
    ("other addresses", [ingress(**{"from": [{"ipBlock": {"cidr": "10.1.0.0/24"}}]})], NO),
    ("the port", [ingress(ports=[{"port": 9440}])], YES),
    ("another port", [ingress(ports=[{"port": 80}])], NO),
    ("a range", [ingress(ports=[{"port": 9000, "endPort": 9999}])], YES),
    ("a range that ends before", [ingress(ports=[{"port": 9000, "endPort": 9439}])], NO),
    ("the port's name", [ingress(ports=[{"port": "agent"}])], YES),
    ("a name of none", [ingress(ports=[{"port": "web"}])], NO),
    ("another protocol", [ingress(ports=[{"protocol": "UDP", "port": 9440}])], NO),
    ("all of a protocol", [ingress(ports=[{"protocol": "TCP"}])], YES),
    ("peers and ports, both", [ingress(**{"from": [SYSTEM], "ports": [{"port": 80}]})], NO),
    ("two add up", [policy(), ingress(**{"from": [SYSTEM]})], YES),
    ("surely wins over perhaps", [ingress(**{"from": [PRIVATE, SYSTEM]})], YES),
    ("its own end is shut", [policy("system", policyTypes=["Egress"])], NO),
]  # fmt: skip


@pytest.mark.parametrize(("policies", "verdict"), [row[1:] for row in IN], ids=[r[0] for r in IN])
def test_operator_to_agent(policies: list[Policy], verdict: Verdict) -> None:
    assert judge(Connection(OPERATOR, WEB, 9440), policies).verdict is verdict


ANYWHERE = {"ipBlock": {"cidr": "0.0.0.0/0"}}
PODS: dict[str, Any] = {"podSelector": {}}
OUT: list[tuple[str, End, list[Policy], Verdict]] = [
    ("no policy", NAMED, [], YES),
    ("ingress only", NAMED, [policy(policyTypes=["Ingress"])], YES),
    ("without types, but rules", NAMED, [policy(egress=[{"to": [PODS]}])], MAYBE),
    ("no rule", NAMED, [policy(policyTypes=["Egress"])], NO),
    ("the port, anywhere", NAMED, [egress(ports=[{"port": 443}])], YES),
    ("another port", NAMED, [egress(ports=[{"port": 53, "protocol": "UDP"}])], NO),
    ("addresses, for a name", NAMED, [egress(to=[ANYWHERE])], MAYBE),
    ("a port's name, for a name", NAMED, [egress(ports=[{"port": "https"}])], MAYBE),
    ("an address in the block", OUTSIDE, [egress(to=[{"ipBlock": {"cidr": "192.0.2.0/24"}}])], YES),
    (
        "an address that is left out",
        OUTSIDE,
        [egress(to=[{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.4/30"]}}])],
        NO,
    ),
    ("an address beside the block", OUTSIDE, [egress(to=[PRIVATE])], NO),
    ("an address of the other family", SIX, [egress(to=[ANYWHERE])], NO),
    ("an address that may be a Service's", OUTSIDE, [egress(to=[PODS])], MAYBE),
    ("a pod of another namespace", OPERATOR, [egress(to=[PODS])], NO),
]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "policies", "verdict"), [row[1:] for row in OUT], ids=[r[0] for r in OUT]
)
def test_pod_to_host(end: End, policies: list[Policy], verdict: Verdict) -> None:
    assert judge(Connection(WEB, end, 443), policies).verdict is verdict


def test_names_every_policy_that_selects_the_end_that_is_shut() -> None:
    shut = [policy(name="a"), policy(name="b"), policy(name="c", policyTypes=["Egress"])]
    found = judge(Connection(OPERATOR, WEB, 9440), shut)
    assert [p.metadata.name for p in found.shut_by] == ["a", "b"]


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"operator": "In", "values": ["web"]}, True),
        ({"operator": "In", "values": ["db"]}, False),
        ({"operator": "NotIn", "values": ["db"]}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
        ({"key": "none", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "none", "operator": "Exists"}, False),
    ],
)
def test_policy_selects_by_expressions(expression: dict[str, Any], selected: bool) -> None:
    selecting = policy(podSelector={"matchExpressions": [{"key": "app", **expression}]})
    verdict = judge(Connection(OPERATOR, WEB, 9440), [selecting]).verdict
    assert (verdict is NO) is selected
