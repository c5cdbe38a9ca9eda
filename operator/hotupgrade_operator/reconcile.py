"""IO: observe -> plan -> act -> status, once for one HotUpgrade; and the loop that repeats it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
from kubernetes.aio import client

from hotupgrade_api.agent_messages import RollbackRequest, UpgradeCommand
from hotupgrade_api.pod_layout import AGENT_CONTAINER
from hotupgrade_api.resource import ANNOTATION_VERSION, LABEL_REVISION, HotUpgradeSpec
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import plan, status
from hotupgrade_operator.agents import AgentRefused, Agents, AgentUnreachable
from hotupgrade_operator.cluster import Cluster, Pod
from hotupgrade_operator.observation import Observation, PodObservation
from hotupgrade_operator.plan import PublishRevision, StartUpgrade, TakeBack

log = logging.getLogger("hotupgrade.operator")

BUSY_SECONDS = 0.5  # while an upgrade moves
SETTLED_SECONDS = 10.0
MOST_AT_ONCE = 50  # agents asked at the same time


class Reconciler:
    """One task a HotUpgrade. Edges only wake it; what it does follows from what it sees."""

    def __init__(self, cluster: Cluster, agents: Agents) -> None:
        self._cluster = cluster
        self._agents = agents
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
        while True:
            wake.clear()
            pause = SETTLED_SECONDS
            try:
                goes_on = await self.reconcile(*key)
                if goes_on is None:
                    return
                pause = BUSY_SECONDS if goes_on else SETTLED_SECONDS
            except (client.ApiException, OSError, TimeoutError) as error:
                log.warning("cannot reconcile %s/%s, trying again: %s", *key, error)
                pause = BUSY_SECONDS
            except Exception:
                log.exception("cannot reconcile %s/%s, trying again", *key)
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
        made = plan.make(seen)
        after = status.render(seen, made, datetime.now(UTC))
        if after != seen.status:
            # Before acting: a rejection that is not written would be forgotten by a kill.
            version = resource["metadata"]["resourceVersion"]
            await self._cluster.write_status(namespace, name, version, after)
            time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for event in status.events(seen.status, after):
                await self._cluster.tell(namespace, name, seen.uid, event, time)
        for action in made.actions:
            await self._carry_out(action, seen, addresses)
        moving = any(c.type == "Reconciling" and c.status == "True" for c in after.conditions)
        return moving or bool(made.actions)

    async def _observe(self, resource: dict[str, Any]) -> tuple[Observation, dict[str, str]]:
        meta = resource["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        spec = msgspec.convert(resource["spec"], HotUpgradeSpec)
        pods = await self._cluster.pods(namespace, name)
        observed = await asyncio.gather(*(self._observe_pod(pod) for pod in pods))
        seen = Observation(
            namespace=namespace,
            name=name,
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            spec=spec,
            status=msgspec.convert(resource.get("status") or {}, HotUpgradeStatus),
            pods=tuple(observed),
            workload_found=await self._cluster.workload_exists(namespace, spec.workload_ref),
        )
        return seen, {pod.metadata.name: pod.status.pod_i_p for pod in pods}

    async def _observe_pod(self, pod: Pod) -> PodObservation:
        agent, error = None, ""
        injected = any(c.name == AGENT_CONTAINER for c in pod.spec.init_containers)
        started = pod.status.phase == "Running" and bool(pod.status.pod_i_p)
        if injected and started and not pod.metadata.deletion_timestamp:
            try:
                async with self._room:
                    agent = await self._agents.status(pod.status.pod_i_p, pod.metadata.uid)
            except AgentUnreachable as caught:
                error = str(caught)
        return PodObservation(
            name=pod.metadata.name,
            uid=pod.metadata.uid,
            ready=pod.ready(),
            terminating=bool(pod.metadata.deletion_timestamp),
            started=started,
            injected=injected,
            revision_label=pod.metadata.labels.get(LABEL_REVISION, ""),
            version_annotation=pod.metadata.annotations.get(ANNOTATION_VERSION, ""),
            agent=agent,
            agent_error=error,
        )

    async def _carry_out(
        self, action: plan.Action, seen: Observation, addresses: dict[str, str]
    ) -> None:
        """One action. What did not work shows in the next observation, and is planned again."""
        address = addresses[action.pod.name]
        try:
            match action:
                case StartUpgrade():
                    log.info("audit: %s to revision %s", action.pod.name, action.revision)
                    await self._agents.put_upgrade(address, _command(action, seen))
                case TakeBack():
                    log.info("audit: %s taken back: %s", action.pod.name, action.message)
                    request = RollbackRequest(
                        pod_uid=action.pod.uid,
                        hot_upgrade_uid=seen.uid,
                        revision=action.revision,
                        id=action.id,
                        message=action.message,
                    )
                    await self._agents.roll_back(address, request)
                case PublishRevision():
                    await self._cluster.publish(
                        seen.namespace, action.pod.name, action.revision, action.version
                    )
        except (AgentRefused, AgentUnreachable) as error:
            log.warning("%s: %s", action.pod.name, error)


def _command(action: StartUpgrade, seen: Observation) -> UpgradeCommand:
    return UpgradeCommand(
        pod_uid=action.pod.uid,
        hot_upgrade_uid=seen.uid,
        revision=action.revision,
        id=action.id,
        artifact=action.artifact,
        version=action.version,
        handoff=seen.spec.handoff,
        health=seen.spec.health,
        expected_base=action.base,
    )
