"""Which policies of ours mode Manage wants, and that they never shut what was open."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hotupgrade_api import resource
from hotupgrade_api.artifact_host import Host
from hotupgrade_api.resource import EgressPort, NetworkPolicyMode
from hotupgrade_operator.connection import Connection, End, PodEnd, Verdict, judge
from hotupgrade_operator.label_selector import LabelSelector
from hotupgrade_operator.network_policy import Direction, Peer, Policy
from hotupgrade_operator.network_view import NetworkView
from hotupgrade_operator.own_policies import is_ours, wanted

NAMED, ADDRESS = Host("a.example.com", 443), Host("10.9.0.1", 8080)
SYSTEM = {"kubernetes.io/metadata.name": "system"}
OPERATOR = End("10.0.1.1", PodEnd("system", {"part": "operator"}, SYSTEM))
PEER = Peer(
    namespace_selector=LabelSelector(SYSTEM), pod_selector=LabelSelector({"part": "operator"})
)
RULE = resource.EgressRule(cidr="10.9.0.0/16", ports=[EgressPort(port=8080)])
ALL = frozenset({"web-1", "web-2"})


def pod(address: str, **labels: str) -> End:
    return End(address, PodEnd("app", {"hotupgrade.io/name": "web", **labels}, {}))


def policy(name: str, **spec: Any) -> Policy:
    raw = {
        "metadata": {"namespace": "app", "name": name, "uid": f"uid-{name}"},
        "spec": {"podSelector": {}, **spec},
    }
    return msgspec.convert(raw, Policy)


DENY_IN = policy("deny-in", policyTypes=["Ingress"])
DENY_OUT = policy("deny-out", policyTypes=["Egress"])
ONE = {"matchLabels": {"canary": "yes"}}
VIEW = NetworkView(
    pods={"web-1": pod("10.0.0.1", canary="yes"), "web-2": pod("10.0.0.2")},
    operator=OPERATOR,
    agent_port=9440,
    host=ADDRESS,
    source=End("10.9.0.1"),
)


def ours(
    *policies: Policy,
    fetching: frozenset[str] = ALL,
    mode: NetworkPolicyMode = NetworkPolicyMode.MANAGE,
    host: Host = ADDRESS,
) -> tuple[Policy, ...]:
    asked = resource.NetworkPolicy(mode=mode, egress=[RULE])
    return wanted("web", asked, replace(VIEW, policies=policies, host=host), fetching, PEER)


def directions(policies: tuple[Policy, ...]) -> list[Direction]:
    return [d for p in policies for d in p.directions]


@pytest.mark.parametrize("mode", [NetworkPolicyMode.VERIFY, NetworkPolicyMode.IGNORE])
def test_other_modes_make_none(mode: NetworkPolicyMode) -> None:
    assert ours(DENY_IN, DENY_OUT, mode=mode) == ()


def test_none_is_made_where_no_policy_selects_the_pods() -> None:
    assert ours() == ()
    assert ours(policy("others", podSelector={"matchLabels": {"app": "db"}})) == ()


def test_ingress_is_opened_all_the_time_and_egress_while_fetching() -> None:
    assert directions(ours(DENY_IN, DENY_OUT)) == [Direction.INGRESS, Direction.EGRESS]
    assert directions(ours(DENY_IN, DENY_OUT, fetching=frozenset())) == [Direction.INGRESS]


def test_what_is_open_already_is_not_opened_again() -> None:
    allow_in = policy("in", policyTypes=["Ingress"], ingress=[{}])
    allow_out = policy("out", policyTypes=["Egress"], egress=[{}])
    assert ours(DENY_IN, allow_in, DENY_OUT, allow_out) == ()


def test_each_selects_only_what_its_neighbour_does() -> None:
    (made,) = ours(policy("canary", podSelector=ONE, policyTypes=["Ingress"]))
    assert made.spec.pod_selector.match_labels == {"canary": "yes", "hotupgrade.io/name": "web"}
    web_2 = VIEW.pods["web-2"].pod
    assert web_2 is not None
    assert not made.isolates("app", web_2.labels, Direction.INGRESS)


def test_each_is_owned_by_its_neighbour() -> None:
    made = ours(DENY_IN, policy("more", policyTypes=["Ingress"]))
    owners = [[o.name for o in p.metadata.owner_references] for p in made]
    assert owners == [["deny-in"], ["more"]]
    assert all(is_ours(p, "web") and not is_ours(p, "other") for p in made)


def test_with_them_the_needed_paths_are_open_and_no_other() -> None:
    made = ours(DENY_IN, DENY_OUT)
    policies = (DENY_IN, DENY_OUT, *made)
    view = replace(VIEW, policies=policies)
    for name, end in VIEW.pods.items():
        assert view.agent_path(name).judge(policies).verdict is Verdict.YES
        assert [p.judge(policies).verdict for p in view.fetch_paths(name)] == [Verdict.YES]
        stranger = End("10.0.2.2", PodEnd("app", {}, {}))
        assert judge(Connection(stranger, end, 9440), policies).verdict is Verdict.NO
        assert judge(Connection(OPERATOR, end, 8080), policies).verdict is Verdict.NO
        assert judge(Connection(end, End("10.9.0.1"), 22), policies).verdict is Verdict.NO


def test_dns_is_opened_for_a_name_only() -> None:
    (by_name,) = ours(DENY_OUT, host=NAMED)
    ports = [(p.protocol, p.port) for rule in by_name.spec.egress for p in rule.ports]
    assert ports == [("UDP", 53), ("TCP", 53), ("TCP", 8080)]
    (by_address,) = ours(DENY_OUT)
    assert [p.port for rule in by_address.spec.egress for p in rule.ports] == [8080]


@pytest.mark.parametrize(
    ("rule", "peer"),
    [
        ({"cidr": "10.9.0.0/16"}, {"ipBlock": {"cidr": "10.9.0.0/16"}}),
        ({"podLabels": {"a": "b"}}, {"podSelector": {"matchLabels": {"a": "b"}}}),
        ({"namespaceLabels": {"a": "b"}}, {"namespaceSelector": {"matchLabels": {"a": "b"}}}),
        (
            {"namespaceLabels": {"a": "b"}, "podLabels": {"c": "d"}},
            {
                "namespaceSelector": {"matchLabels": {"a": "b"}},
                "podSelector": {"matchLabels": {"c": "d"}},
            },
        ),
    ],
)
def test_the_users_destinations_are_written_as_peers(rule: Any, peer: Any) -> None:
    raw = {"mode": "Manage", "egress": [{**rule, "ports": [{"port": 1}]}]}
    asked = msgspec.convert(raw, resource.NetworkPolicy)
    (made,) = wanted("web", asked, replace(VIEW, policies=(DENY_OUT,)), ALL, PEER)
    written = msgspec.json.decode(msgspec.json.encode(made.spec))
    assert written["egress"] == [{"to": [peer], "ports": [{"port": 1}]}]


def test_another_content_has_another_name() -> None:
    (before,), (after,) = ours(DENY_OUT), ours(DENY_OUT, host=NAMED)
    assert before.metadata.name != after.metadata.name
    assert ours(DENY_OUT) == (before,)
