"""IO: what an upgrade needs of the network is looked at, opened where the spec says so, and tried,
before its commands are sent; and closed again.

Ours are made before a pod is told to fetch, and go when none does: what they are to be follows from
what is seen, so an operator that was killed in between leaves nothing that the next one keeps.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import aiohttp
from kubernetes.aio import client

from hotupgrade_api.agent_messages import ReachRequest
from hotupgrade_api.artifact_host import host_of
from hotupgrade_api.resource import NetworkPolicyMode
from hotupgrade_operator import network_findings
from hotupgrade_operator.actions import StartUpgrade
from hotupgrade_operator.api_watch import WatchEnded
from hotupgrade_operator.fetching import fetching, starting
from hotupgrade_operator.label_selector import LabelSelector
from hotupgrade_operator.network_findings import NetworkFact
from hotupgrade_operator.network_observe import NetworkObserver
from hotupgrade_operator.network_policy import Peer, Policy
from hotupgrade_operator.network_policy_cluster import NetworkPolicies
from hotupgrade_operator.network_view import NetworkView
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.own_policies import is_ours, owner_of, wanted
from hotupgrade_operator.plan import Plan
from hotupgrade_operator.pods import Pod, Pods
from hotupgrade_operator.settings import Settings

log = logging.getLogger("hotupgrade.operator")

NAMESPACE_NAME = "kubernetes.io/metadata.name"  # Kubernetes labels each namespace so
FORBIDDEN, UNPROCESSABLE = 403, 422
PAUSE_SECONDS = 5.0  # before the next watch begins, which tells of every policy again


class Agents(Protocol):
    async def reach(self, address: str, request: ReachRequest) -> str | None: ...


class Network:
    def __init__(
        self, api: client.ApiClient, agents: Agents, pods: Pods, settings: Settings
    ) -> None:
        self._cluster = NetworkPolicies(api)
        self._observer = NetworkObserver(self._cluster, settings)
        self._agents = agents
        self._pods = pods
        self._settings = settings

    async def prepare(self, seen: Observation, made: Plan) -> Plan:
        """The plan without what must wait, and with what is to be said of the network."""
        if seen.malformed:
            return made  # what was opened for the spec before it stays, until this one can be read
        pods = [pod for pod in self._pods.of(seen.namespace, seen.name) if not pod.ended]
        try:
            return await self._prepare(seen, made, pods)
        except client.ApiException as error:
            if error.status != FORBIDDEN:
                raise
            message = f"cannot look at NetworkPolicies: {error.reason}"
            return replace(made, network=NetworkFact("Unknown", "Forbidden", message))

    async def _prepare(self, seen: Observation, made: Plan, pods: Sequence[Pod]) -> Plan:
        asked = seen.spec.network_policy
        if asked.mode is NetworkPolicyMode.IGNORE:
            await self.close(seen.namespace, seen.name)
            return replace(made, network=NetworkFact("Unknown", "Ignored"))
        view = await self._observer.view(seen, host_of(made.target.artifact), pods)
        if not view.isolated:
            await self._settle(view.own, ())
            return replace(made, network=network_findings.fact(asked.mode, view, [], (), False))
        fetch, start = fetching(seen, made, _booting(pods)), starting(made)
        ours = wanted(seen.name, asked, view, fetch, self._operator_peer())
        try:
            await self._settle(view.own, ours)
        except client.ApiException as error:
            if error.status not in (FORBIDDEN, UNPROCESSABLE):
                raise
            message = f"cannot make or delete a NetworkPolicy: {error.reason}"
            return _hold(made, start, NetworkFact("False", "CannotOpen", message, bool(start)))
        view = replace(view, own=ours)
        tries = await self._try(view, made, start, pods)
        held = network_findings.held(view, start, tries)
        planned = wanted(seen.name, asked, view, frozenset(view.pods), self._operator_peer())
        reached = frozenset(pod.name for pod in seen.pods if pod.agent is not None)
        findings = network_findings.agent_findings(view, planned, reached)
        findings += network_findings.fetch_findings(view, planned, tries)
        told = network_findings.fact(asked.mode, view, findings, planned, bool(held))
        return _hold(made, held, told)

    async def close(self, namespace: str, name: str) -> None:
        """The policies that were made for it go: with the HotUpgrade, or because it says so."""
        policies = await self._cluster.of(namespace)
        await self._settle(tuple(p for p in policies if is_ours(p, name)), ())

    async def follow(
        self, wake: Callable[[str, str], None], wake_all: Callable[[str], None]
    ) -> None:
        """Until cancelled: wakes every HotUpgrade of a namespace where a policy changes. One of
        ours that is left beside what it no longer stands for could cut an app off; and of a
        HotUpgrade that went while no operator ran, nothing but its policies tells."""
        while True:
            try:
                async for policy in self._cluster.changes():
                    wake_all(policy.metadata.namespace)
                    if owner := owner_of(policy):
                        wake(policy.metadata.namespace, owner)
            except (
                *(client.ApiException, WatchEnded),
                *(aiohttp.ClientError, OSError, TimeoutError),
            ) as error:
                log.warning("cannot watch NetworkPolicies, trying again: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _settle(self, there: tuple[Policy, ...], ours: tuple[Policy, ...]) -> None:
        """Makes what is missing, then deletes what is too much."""
        names_there = {policy.metadata.name for policy in there}
        names = {policy.metadata.name for policy in ours}
        for policy in ours:
            if policy.metadata.name not in names_there:
                log.info("audit: makes NetworkPolicy %s", _name(policy))
                await self._cluster.make(policy)
        for policy in there:
            if policy.metadata.name not in names:
                log.info("audit: deletes NetworkPolicy %s", _name(policy))
                await self._cluster.delete(policy)

    async def _try(
        self, view: NetworkView, made: Plan, start: frozenset[str], pods: Sequence[Pod]
    ) -> dict[str, str]:
        """What the agents say; nothing of those that are too old to know the question."""
        artifact = made.target.artifact
        if artifact is None:
            return {}
        asked = [pod for pod in pods if pod.metadata.name in network_findings.to_try(view, start)]
        answers = await asyncio.gather(
            *(
                self._agents.reach(
                    pod.status.pod_ip, ReachRequest(pod_uid=pod.metadata.uid, artifact=artifact)
                )
                for pod in asked
            )
        )
        return {
            pod.metadata.name: answer
            for pod, answer in zip(asked, answers, strict=True)
            if answer is not None
        }

    def _operator_peer(self) -> Peer:
        return Peer(
            namespace_selector=LabelSelector({NAMESPACE_NAME: self._settings.namespace}),
            pod_selector=LabelSelector(self._settings.labels),
        )


def _hold(made: Plan, held: frozenset[str], told: NetworkFact) -> Plan:
    actions = tuple(
        action
        for action in made.actions
        if not (isinstance(action, StartUpgrade) and action.pod.name in held)
    )
    return replace(made, actions=actions, network=told)


def _booting(pods: Sequence[Pod]) -> frozenset[str]:
    """Those whose init containers run: `boot` fetches what a new pod runs."""
    return frozenset(pod.metadata.name for pod in pods if pod.initializes)


def _name(policy: Policy) -> str:
    return f"{policy.metadata.namespace}/{policy.metadata.name}"
