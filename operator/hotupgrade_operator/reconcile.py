"""IO: observe -> plan -> act -> status, once for one HotUpgrade; and the loop that repeats it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from kubernetes.aio import client

from hotupgrade_api.agent_messages import (
    OwnerUpdate,
    RollbackRequest,
    TargetedCommand,
    TrustUpdate,
    UpgradeCommand,
    WeightRequest,
    trust_digest,
)
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.pod_layout import AGENT_CONTAINER
from hotupgrade_api.resource import ANNOTATION_REQUEST, HotUpgradeSpec
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import metrics, plan, status
from hotupgrade_operator.agents import AgentRefused, Agents, AgentUnreachable
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.instant import written
from hotupgrade_operator.measurement import measured
from hotupgrade_operator.observation import Observation, PodObservation
from hotupgrade_operator.plan import (
    Adopt,
    Promote,
    PublishRevision,
    PushTrust,
    SetWeight,
    StartUpgrade,
    TakeBack,
)
from hotupgrade_operator.pods import Pod, Pods
from hotupgrade_operator.trust import Trust

log = logging.getLogger("hotupgrade.operator")

BUSY_SECONDS = 0.5  # while an upgrade moves
SETTLED_SECONDS = 10.0
MOST_AT_ONCE = 50  # agents asked at the same time
NOT_FOUND = 404


class Reconciler:
    """One task a HotUpgrade. Edges only wake it; what it does follows from what it sees."""

    def __init__(self, cluster: Cluster, agents: Agents, pods: Pods, trust: Trust) -> None:
        self._cluster = cluster
        self._agents = agents
        self._pods = pods
        self._trust = trust
        self._wake: dict[tuple[str, str], asyncio.Event] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    def wake(self, namespace: str, name: str) -> None:
        key = (namespace, name)
        if key not in self._tasks or self._tasks[key].done():
            self._wake[key] = asyncio.Event()
            self._tasks[key] = asyncio.create_task(self._run(key))
        self._wake[key].set()

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, key: tuple[str, str]) -> None:
        wake = self._wake[key]
        await self._pods.synced.wait()  # before that, every pod would seem to be gone
        while True:
            wake.clear()
            pause = SETTLED_SECONDS
            try:
                with metrics.RECONCILE_SECONDS.time():
                    goes_on = await self.reconcile(*key)
                if goes_on is None:
                    metrics.FLEET.forget(*key)
                    return
                pause = BUSY_SECONDS if goes_on else SETTLED_SECONDS
            except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("cannot reconcile %s/%s, trying again: %s", *key, error)
                metrics.RECONCILE_ERRORS.inc()
                pause = BUSY_SECONDS
            except Exception:
                # A bug that one resource meets must not end the work on the others.
                log.exception("cannot reconcile %s/%s, trying again", *key)
                metrics.RECONCILE_ERRORS.inc()
            try:
                async with asyncio.timeout(pause):
                    await wake.wait()
            except TimeoutError:
                pass

    async def reconcile(self, namespace: str, name: str) -> bool | None:
        """Once. Says whether something moves; None where the HotUpgrade is gone."""
        resource = await self._cluster.hot_upgrade(namespace, name)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            return None
        seen, addresses = await self._observe(resource)
        now = datetime.now(UTC)
        made = plan.make(seen, now)
        after = status.render(seen, made, now)
        if after != seen.status:
            # Before acting: a rejection that is not written would be forgotten by a kill.
            version = resource["metadata"]["resourceVersion"]
            await self._cluster.write_status(namespace, name, version, after)
            for event in status.events(seen.status, after, made):
                log.info("%s/%s: %s: %s", namespace, name, event.reason, event.message)
                await self._cluster.tell(namespace, name, seen.uid, event, written(now))
        _measure(seen, made, after)
        by_pod: dict[str, list[plan.Action]] = {}
        for action in made.actions:
            by_pod.setdefault(action.pod.name, []).append(action)
        await asyncio.gather(*(self._carry_out(each, seen, addresses) for each in by_pod.values()))
        moving = any(c.type == "Reconciling" and c.status == "True" for c in after.conditions)
        return moving or bool(made.actions)

    async def _observe(self, resource: dict[str, Any]) -> tuple[Observation, dict[str, str]]:
        meta = resource["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        spec = msgspec.convert(resource["spec"], HotUpgradeSpec)
        pods = self._pods.of(namespace, name)
        observed = await asyncio.gather(*(self._observe_pod(pod) for pod in pods))
        seen = Observation(
            namespace=namespace,
            name=name,
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            spec=spec,
            status=msgspec.convert(resource.get("status") or {}, HotUpgradeStatus),
            pods=tuple(observed),
            workload=await self._cluster.workload(namespace, spec.workload_ref),
            request=meta.get("annotations", {}).get(ANNOTATION_REQUEST, ""),
            trust=trust_digest(self._trust.identity.bundle.decode()),
        )
        return seen, {pod.metadata.name: pod.status.pod_ip for pod in pods}

    async def _observe_pod(self, pod: Pod) -> PodObservation:
        agent, error = None, ""
        injected = pod.has_init_container(AGENT_CONTAINER)
        if injected and pod.started and not pod.metadata.deletion_timestamp:
            try:
                async with self._room:
                    agent = await self._agents.status(pod.status.pod_ip, pod.metadata.uid)
            except AgentUnreachable as caught:
                error = str(caught)
        return PodObservation(
            name=pod.metadata.name,
            uid=pod.metadata.uid,
            created=pod.metadata.creation_timestamp,
            ready=pod.ready,
            terminating=bool(pod.metadata.deletion_timestamp),
            started=pod.started,
            injected=injected,
            refused=_refused(pod),
            revision_label=pod.metadata.labels.revision,
            version_annotation=pod.metadata.annotations.version,
            agent=agent,
            agent_error=error,
        )

    async def _carry_out(
        self, actions: list[plan.Action], seen: Observation, addresses: dict[str, str]
    ) -> None:
        """One pod's, in their order. What did not work is seen, and planned, again."""
        for action in actions:
            kind, result = type(action).__name__, "ok"
            try:
                async with self._room:
                    await self._act(action, seen, addresses[action.pod.name])
            except AgentRefused as error:
                log.warning("%s: %s: %s", action.pod.name, kind, error)
                result = "refused"
            except AgentUnreachable as error:
                log.warning("%s: %s: %s", action.pod.name, kind, error)
                result = "unreachable"
            except client.ApiException as error:
                if error.status != NOT_FOUND:  # the pod is gone: so is what was to be done
                    raise
                result = "refused"
            metrics.COMMANDS.labels(kind, result).inc()

    async def _act(self, action: plan.Action, seen: Observation, address: str) -> None:
        pod = action.pod
        match action:
            case StartUpgrade():
                revision = action.target.revision
                log.info("audit: %s/%s to revision %s", seen.namespace, pod.name, revision)
                await self._agents.put_upgrade(address, _command(action, seen))
            case TakeBack():
                log.info("audit: %s/%s taken back: %s", seen.namespace, pod.name, action.message)
                request = RollbackRequest(
                    pod_uid=pod.uid,
                    hot_upgrade_uid=seen.uid,
                    revision=action.revision,
                    id=action.id,
                    message=action.message,
                )
                await self._agents.roll_back(address, request)
            case SetWeight():
                text = "audit: %s/%s gives %d %% to revision %s"
                log.info(text, seen.namespace, pod.name, action.weight, action.revision)
                await self._agents.set_weight(
                    address,
                    WeightRequest(
                        pod_uid=pod.uid,
                        hot_upgrade_uid=seen.uid,
                        revision=action.revision,
                        id=action.id,
                        weight=action.weight,
                    ),
                )
            case Promote():
                log.info("audit: %s/%s promotes %s", seen.namespace, pod.name, action.revision)
                await self._agents.promote(
                    address,
                    TargetedCommand(
                        pod_uid=pod.uid,
                        hot_upgrade_uid=seen.uid,
                        revision=action.revision,
                        id=action.id,
                    ),
                )
            case PublishRevision():
                after = await self._cluster.publish(
                    seen.namespace, pod.name, action.revision, action.version
                )
                self._pods.learn(after)
            case Adopt():
                log.info("audit: %s/%s adopted by %s", seen.namespace, pod.name, seen.uid)
                await self._agents.adopt(
                    address, OwnerUpdate(pod_uid=pod.uid, hot_upgrade_uid=seen.uid)
                )
            case PushTrust():
                log.info("audit: %s/%s gets the CA bundle", seen.namespace, pod.name)
                bundle = self._trust.identity.bundle.decode()
                await self._agents.push_trust(address, TrustUpdate(ca_bundle=bundle))


def _refused(pod: Pod) -> str:
    """What injection said of a pod that it left alone. Somebody else's annotation says nothing."""
    try:
        return msgspec.json.decode(
            pod.metadata.annotations.injected or "{}", type=InjectionRecord
        ).refused
    except msgspec.DecodeError:
        return ""


def _measure(seen: Observation, made: plan.Plan, after: HotUpgradeStatus) -> None:
    if made.rejection is not None:
        metrics.REJECTIONS.labels(made.rejection.reason).inc()
    metrics.FLEET.put(seen.namespace, seen.name, measured(seen, made, after))


def _command(action: StartUpgrade, seen: Observation) -> UpgradeCommand:
    return UpgradeCommand(
        pod_uid=action.pod.uid,
        hot_upgrade_uid=seen.uid,
        revision=action.target.revision,
        id=action.id,
        artifact=action.target.artifact,
        version=action.target.version,
        handoff=seen.spec.handoff,
        health=seen.spec.health,
        hold=action.hold,
        expected_base=action.target.base if action.target.artifact else None,
    )
