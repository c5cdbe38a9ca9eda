"""IO: a plan's actions become calls to agents and to the API server."""

import asyncio
import logging

import aiohttp
from kubernetes.aio import client

from hotupgrade_api.agent_messages import (
    OwnerUpdate,
    RollbackRequest,
    TargetedCommand,
    TrustUpdate,
    UpgradeCommand,
    WeightRequest,
)
from hotupgrade_operator import metrics
from hotupgrade_operator.actions import (
    Action,
    Adopt,
    MoveTraffic,
    PodAction,
    Promote,
    PublishRevision,
    PushTrust,
    Roll,
    SetWeight,
    StartUpgrade,
    TakeBack,
)
from hotupgrade_operator.agents import AgentRefused, Agents, AgentUnreachable
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.pods import Pods
from hotupgrade_operator.routes import Routes
from hotupgrade_operator.trust import Trust

log = logging.getLogger("hotupgrade.operator")

MOST_AT_ONCE = 50  # pods of one HotUpgrade
NOT_FOUND = 404


class Actor:
    def __init__(
        self, cluster: Cluster, agents: Agents, pods: Pods, trust: Trust, routes: Routes
    ) -> None:
        self._cluster = cluster
        self._agents = agents
        self._pods = pods
        self._trust = trust
        self._routes = routes

    async def carry_out(
        self, actions: tuple[Action, ...], seen: Observation, addresses: dict[str, str]
    ) -> None:
        """A pod's in their order, the pods at the same time. What did not work is seen and planned
        again: one action that fails keeps none of the others."""
        by_pod: dict[str, list[PodAction]] = {}
        for action in actions:
            if isinstance(action, Roll):
                await self._roll(action, seen)
                continue
            if isinstance(action, MoveTraffic):
                await self._move(action, seen)
                continue
            by_pod.setdefault(action.pod.name, []).append(action)
        room = asyncio.Semaphore(MOST_AT_ONCE)

        async def each(name: str, of_pod: list[PodAction]) -> None:
            async with room:
                for action in of_pod:
                    await self._tried(action, seen, addresses[name])

        async with asyncio.TaskGroup() as group:
            for name, of_pod in by_pod.items():
                group.create_task(each(name, of_pod))

    async def _roll(self, action: Roll, seen: Observation) -> None:
        ref = seen.spec.workload_ref
        log.info("audit: %s/%s: roll %s %s", seen.namespace, action.token, ref.kind, ref.name)
        result = "ok"
        try:
            await self._cluster.roll(seen.namespace, ref, action.token)
        except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("cannot roll %s %s/%s: %s", ref.kind, seen.namespace, ref.name, error)
            result = "error"
        metrics.COMMANDS.labels("Roll", result).inc()

    async def give_back(self, namespace: str, name: str) -> bool:
        """What routes hold of a HotUpgrade that is gone. Says whether nothing is left of it."""
        return await self._routes.give_back(namespace, name)

    async def _move(self, action: MoveTraffic, seen: Observation) -> None:
        result = "ok"
        try:
            await self._routes.move(seen.namespace, action.patch)
        except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
            what = f"{action.patch.plural} {seen.namespace}/{action.patch.name}"
            log.warning("cannot change %s: %s", what, error)
            result = "error"
        metrics.COMMANDS.labels("MoveTraffic", result).inc()

    async def _tried(self, action: PodAction, seen: Observation, address: str) -> None:
        kind, result, why = type(action).__name__, "ok", ""
        try:
            await self._act(action, seen, address)
        except AgentRefused as error:
            result, why = "refused", str(error)
        except AgentUnreachable as error:
            result, why = "unreachable", str(error)
        except client.ApiException as error:
            gone = error.status == NOT_FOUND  # the pod is gone: so is what was to be done
            result, why = (
                "ok" if gone else "error",
                "" if gone else f"{error.status} {error.reason}",
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            result, why = "error", str(error) or type(error).__name__
        if why:
            log.warning("%s/%s: %s: %s", seen.namespace, action.pod.name, kind, why)
        metrics.COMMANDS.labels(kind, result).inc()

    async def _act(self, action: PodAction, seen: Observation, address: str) -> None:
        pod, agents = action.pod, self._agents
        audit(seen, action)
        match action:
            case StartUpgrade():
                await agents.put_upgrade(address, _command(action, seen))
            case TakeBack():
                target = _target(action, seen)
                await agents.roll_back(address, RollbackRequest(**target, message=action.message))
            case SetWeight():
                target = _target(action, seen)
                await agents.set_weight(address, WeightRequest(**target, weight=action.weight))
            case Promote():
                await agents.promote(address, TargetedCommand(**_target(action, seen)))
            case PublishRevision():
                after = await self._cluster.publish(
                    seen.namespace, pod.name, action.revision, action.version
                )
                self._pods.learn(after)
            case Adopt():
                update = OwnerUpdate(pod_uid=pod.uid, hot_upgrade_uid=seen.uid)
                await agents.adopt(address, update)
            case PushTrust():
                bundle = self._trust.identity.bundle.decode()
                await agents.push_trust(address, TrustUpdate(pod_uid=pod.uid, ca_bundle=bundle))


def audit(seen: Observation, action: PodAction) -> None:
    """One line for each privileged act, before it is tried."""
    match action:
        case StartUpgrade():
            what = f"upgrade to revision {action.target.revision}"
        case TakeBack():
            what = f"take back revision {action.revision}: {action.message}"
        case SetWeight():
            what = f"{action.weight} % to revision {action.revision}"
        case Promote():
            what = f"promote revision {action.revision}"
        case Adopt():
            what = f"adopt for HotUpgrade {seen.uid}"
        case PushTrust():
            what = "push the CA bundle"
        case PublishRevision():
            what = f"publish revision {action.revision}"
    log.info("audit: %s/%s: %s", seen.namespace, action.pod.name, what)


def _target(action: TakeBack | SetWeight | Promote, seen: Observation) -> dict[str, str]:
    return {
        "pod_uid": action.pod.uid,
        "hot_upgrade_uid": seen.uid,
        "revision": action.revision,
        "id": action.id,
    }


def _command(action: StartUpgrade, seen: Observation) -> UpgradeCommand:
    target = action.target
    return UpgradeCommand(
        pod_uid=action.pod.uid,
        hot_upgrade_uid=seen.uid,
        revision=target.revision,
        id=action.id,
        artifact=target.artifact,
        version=target.version,
        handoff=seen.spec.handoff,
        health=seen.spec.health,
        hold=action.hold,
        expected_base=target.base if target.artifact else None,
    )
