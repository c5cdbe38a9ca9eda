"""IO: what there is of one HotUpgrade (resource, workload, pods and what their agents say) becomes
a frozen Observation."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import msgspec

from hotupgrade_api.agent_messages import AgentStatus, trust_digest
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.pod_layout import AGENT_CONTAINER
from hotupgrade_api.resource import ANNOTATION_REQUEST, HotUpgradeSpec, WorkloadRef
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator.agents import Agents, AgentUnreachable
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.measurer import Measurer
from hotupgrade_operator.observation import Observation, PodObservation
from hotupgrade_operator.pods import Pod, Pods
from hotupgrade_operator.routes import Routes
from hotupgrade_operator.trust import Trust
from hotupgrade_operator.validation import unreadable

log = logging.getLogger("hotupgrade.operator")

MOST_AT_ONCE = 50  # agents of one HotUpgrade asked at the same time
FIRST_SILENCE_SECONDS, MOST_SILENCE_SECONDS = 1.0, 30.0
UNREAD = HotUpgradeSpec(workload_ref=WorkloadRef(api_version="", kind="", name=""))


@dataclass(frozen=True)
class _Silence:
    """A pod whose agent did not answer is asked again only after a while, so that a lost node does
    not slow what is done for all others. Forgotten by a restart, and no harm in that."""

    until: float  # of the event loop's clock
    seconds: float
    error: str


class Observer:
    def __init__(
        self,
        cluster: Cluster,
        agents: Agents,
        pods: Pods,
        trust: Trust,
        measurer: Measurer,
        routes: Routes,
    ) -> None:
        self._cluster = cluster
        self._agents = agents
        self._pods = pods
        self._trust = trust
        self._measurer = measurer
        self._routes = routes
        self._silent: dict[str, _Silence] = {}  # by the pod's UID

    async def observe(self, resource: dict[str, Any]) -> tuple[Observation, dict[str, str]]:
        """And the pods' addresses by name. Raises what the API client raises."""
        meta = resource["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        spec, malformed = UNREAD, ""
        try:
            spec = msgspec.convert(resource["spec"], HotUpgradeSpec)
        except msgspec.ValidationError as error:
            malformed = unreadable(error)
        pods = [pod for pod in self._pods.of(namespace, name) if not pod.ended]
        room = asyncio.Semaphore(MOST_AT_ONCE)
        observed = await asyncio.gather(*(self._pod(pod, spec, room) for pod in pods))
        seen = Observation(
            namespace=namespace,
            name=name,
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            spec=spec,
            status=msgspec.convert(resource.get("status") or {}, HotUpgradeStatus),
            pods=tuple(observed),
            workload=await self._cluster.workload(namespace, spec.workload_ref),
            malformed=malformed,
            request=meta.get("annotations", {}).get(ANNOTATION_REQUEST, ""),
            replies=self._measurer.take((namespace, name)),
            prometheus_allowed=self._measurer.allowed,
            trust=trust_digest(self._trust.identity.bundle.decode()),
        )
        seen = await self._routes.view(seen)
        return seen, {pod.metadata.name: pod.status.pod_ip for pod in pods}

    async def _pod(self, pod: Pod, spec: HotUpgradeSpec, room: asyncio.Semaphore) -> PodObservation:
        agent: AgentStatus | None = None
        error, record = "", _record(pod)
        refused = record.refused
        injected = pod.has_init_container(AGENT_CONTAINER)
        if injected and spec.container and record.container not in ("", spec.container):
            injected = False
            refused = (
                f"its launcher is in container {record.container}, spec.container is "
                f"{spec.container}; a new pod has it there (kubectl rollout restart)"
            )
        if injected and pod.started and not pod.metadata.deletion_timestamp:
            async with room:
                agent, error = await self._ask(pod)
        return PodObservation(
            name=pod.metadata.name,
            uid=pod.metadata.uid,
            created=pod.metadata.creation_timestamp,
            ready=pod.ready,
            terminating=bool(pod.metadata.deletion_timestamp),
            started=pod.started,
            injected=injected,
            refused=refused,
            probe_note=record.health,
            revision_label=pod.revision,
            version_annotation=pod.metadata.annotations.version,
            agent=agent,
            agent_error=error,
        )

    def _drop_old(self, now: float) -> None:
        """Of pods that are gone: one that is still there is asked again soon after its time."""
        for uid, silence in list(self._silent.items()):
            if now > silence.until + MOST_SILENCE_SECONDS:
                del self._silent[uid]

    async def _ask(self, pod: Pod) -> tuple[AgentStatus | None, str]:
        now, uid = asyncio.get_running_loop().time(), pod.metadata.uid
        silence = self._silent.get(uid)
        if silence is not None and now < silence.until:
            return None, silence.error
        try:
            answer = await self._agents.status(pod.status.pod_ip, uid)
        except AgentUnreachable as caught:
            seconds = min(2 * silence.seconds, MOST_SILENCE_SECONDS) if silence else 0.0
            seconds = seconds or FIRST_SILENCE_SECONDS
            self._silent[uid] = _Silence(now + seconds, seconds, str(caught))
            self._drop_old(now)
            return None, str(caught)
        self._silent.pop(uid, None)
        return answer, ""


def _record(pod: Pod) -> InjectionRecord:
    """What injection left on the pod. Somebody else's annotation says nothing."""
    try:
        raw = pod.metadata.annotations.injected or "{}"
        return msgspec.json.decode(raw, type=InjectionRecord)
    except msgspec.DecodeError:
        return InjectionRecord()
