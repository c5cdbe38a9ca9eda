"""What the operator makes and deletes for the network of an upgrade, and what waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hotupgrade_api import resource
from hotupgrade_api.agent_messages import ReachRequest
from hotupgrade_api.resource import EgressPort, EgressRule, NetworkPolicyMode
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_operator import plan
from hotupgrade_operator.actions import StartUpgrade
from hotupgrade_operator.network import Network
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.own_policies import MANAGED_BY, MANAGER
from hotupgrade_operator.plan import Plan
from hotupgrade_operator.pods import Pods
from tests.functional.operator_parts import embedded_api, settings, until
from tests.unit import world

MANAGE = resource.NetworkPolicy(
    mode=NetworkPolicyMode.MANAGE,
    egress=[EgressRule(cidr="10.9.0.0/16", ports=[EgressPort(port=80)])],
)
REFUSED = "cannot connect to a:80: refused"


@dataclass
class Agents:
    """Each answers the same. asked: at which address."""

    answer: str | None = ""
    asked: list[str] = field(default_factory=list)

    async def reach(self, address: str, request: ReachRequest) -> str | None:
        assert request.artifact == world.GOOD
        self.asked.append(address)
        return self.answer


@dataclass(frozen=True)
class Cluster:
    server: ApiServer
    network: Network
    agents: Agents

    async def put(self, plural: str, namespace: str, name: str, **parts: Any) -> None:
        metadata = {"name": name, **parts.pop("metadata", {})}
        await self.server.put(kind_of(plural), namespace, {"metadata": metadata, **parts})

    async def deny(self, direction: str, namespace: str = "app") -> None:
        spec = {"podSelector": {}, "policyTypes": [direction]}
        await self.put("networkpolicies", namespace, f"deny-{direction.lower()}", spec=spec)

    def ours(self) -> list[str]:
        """The directions of those that the operator made."""
        return sorted(
            direction
            for policy in self.server.all("networkpolicies")
            if policy["metadata"].get("labels", {}).get(MANAGED_BY) == MANAGER
            for direction in policy["spec"]["policyTypes"]
        )


@asynccontextmanager
async def cluster(answer: str | None = "") -> AsyncIterator[Cluster]:
    async with embedded_api() as (server, api):
        pods, agents = Pods(api), Agents(answer)
        configured = settings(POD_LABELS="part=operator")
        found = Cluster(server, Network(api, agents, pods, configured), agents)
        for name in ("app", configured.namespace):
            labels = {"kubernetes.io/metadata.name": name}
            await found.put("namespaces", "", name, metadata={"labels": labels})
        await found.put(
            "pods",
            configured.namespace,
            configured.pod_name,
            metadata={"labels": {"part": "operator"}},
            status={"podIP": "10.0.1.1", "phase": "Running"},
        )
        agent = {"name": "hotupgrade-agent", "ports": [{"name": "a", "containerPort": 9440}]}
        await found.put(
            "pods",
            "app",
            "web-1",
            metadata={"labels": {"hotupgrade.io/name": "web"}},
            spec={"initContainers": [agent]},
            status={"podIP": "10.0.0.1", "phase": "Running"},
        )
        watch = asyncio.create_task(pods.run())
        await until(pods.synced.is_set)
        try:
            yield found
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


def seen(asked: resource.NetworkPolicy) -> Observation:
    spec = world.spec(world.GOOD, network_policy=asked)
    status = HotUpgradeStatus()
    return Observation("app", "web", "u", 1, spec, status, (world.pod("web-1"),), trust="t")


def made(observed: Observation) -> Plan:
    return plan.make(observed, world.NOW)


def starts(found: Plan) -> bool:
    return any(isinstance(action, StartUpgrade) for action in found.actions)


async def test_nothing_is_made_or_tried_where_no_policy_selects_the_pods() -> None:
    async with cluster() as there:
        await there.deny("Ingress", namespace="other")
        observed = seen(MANAGE)
        found = await there.network.prepare(observed, made(observed))
        assert starts(found)
        assert found.network is not None
        assert found.network.reason == "NoPolicies"
        assert (there.ours(), there.agents.asked) == ([], [])


async def test_egress_is_open_while_a_pod_fetches_and_ingress_all_the_time() -> None:
    async with cluster() as there:
        await there.deny("Ingress")
        await there.deny("Egress")
        observed = seen(MANAGE)
        found = await there.network.prepare(observed, made(observed))
        assert starts(found)
        assert (there.ours(), there.agents.asked) == (["Egress", "Ingress"], ["10.0.0.1"])
        writes = there.server.writes["networkpolicies"]
        await there.network.prepare(observed, made(observed))
        assert there.server.writes["networkpolicies"] == writes
        await there.network.prepare(observed, replace(made(observed), actions=()))
        assert there.ours() == ["Ingress"]


async def test_upgrade_waits_until_the_pod_reaches_the_host() -> None:
    async with cluster(answer=REFUSED) as there:
        await there.deny("Egress")
        observed = seen(MANAGE)
        found = await there.network.prepare(observed, made(observed))
        assert not starts(found)
        assert there.ours() == ["Egress"]
        assert found.network is not None
        assert (found.network.reason, found.network.holds) == ("HostUnreachable", True)
        there.agents.answer = ""
        assert starts(await there.network.prepare(observed, made(observed)))


async def test_verify_makes_none_and_names_what_is_shut() -> None:
    async with cluster(answer=None) as there:
        await there.deny("Egress")
        observed = seen(resource.NetworkPolicy())
        found = await there.network.prepare(observed, made(observed))
        assert not starts(found)
        assert there.ours() == []
        assert found.network is not None
        assert "NetworkPolicy app/deny-egress" in found.network.message


@pytest.mark.parametrize("mode", [NetworkPolicyMode.IGNORE, NetworkPolicyMode.VERIFY])
async def test_another_mode_deletes_what_manage_made(mode: NetworkPolicyMode) -> None:
    async with cluster() as there:
        await there.deny("Ingress")
        observed = seen(MANAGE)
        await there.network.prepare(observed, made(observed))
        assert there.ours() == ["Ingress"]
        other = seen(resource.NetworkPolicy(mode=mode))
        assert starts(await there.network.prepare(other, made(other)))
        assert there.ours() == []


async def test_spec_that_cannot_be_read_changes_nothing() -> None:
    async with cluster() as there:
        await there.deny("Ingress")
        observed = seen(MANAGE)
        await there.network.prepare(observed, made(observed))
        broken = replace(seen(resource.NetworkPolicy()), malformed="cannot read spec: x")
        await there.network.prepare(broken, made(broken))
        assert there.ours() == ["Ingress"]


async def test_policies_go_with_their_hot_upgrade_and_leave_those_of_another() -> None:
    async with cluster() as there:
        await there.deny("Ingress")
        observed = seen(MANAGE)
        await there.network.prepare(observed, made(observed))
        await there.network.close("app", "other")
        assert there.ours() == ["Ingress"]
        await there.network.close("app", "web")
        assert there.ours() == []
        assert there.server.get("networkpolicies", "app", "deny-ingress")


async def test_policy_wakes_its_namespace_and_one_of_ours_whom_it_was_made_for() -> None:
    async with cluster() as there:
        await there.deny("Ingress")
        observed = seen(MANAGE)
        await there.network.prepare(observed, made(observed))
        woken: list[tuple[str, str]] = []
        namespaces: set[str] = set()
        watch = asyncio.create_task(
            there.network.follow(lambda *owner: woken.append(owner), namespaces.add)
        )
        await until(lambda: bool(woken))
        assert (woken, namespaces) == ([("app", "web")], {"app"})
        await there.deny("Egress", namespace="other")
        await until(lambda: namespaces == {"app", "other"})
        watch.cancel()
        assert woken == [("app", "web")]
