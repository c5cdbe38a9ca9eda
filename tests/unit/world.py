"""A simulated cluster for tests of the plan: pods finish what they are told, a step at a time."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from hotupgrade_api.agent_messages import AgentStatus, FailureReason, PodState, Progress
from hotupgrade_api.launcher_messages import Base, LauncherStatus, Mode
from hotupgrade_api.resource import Artifact, HotUpgradeSpec, HttpSource, Source, WorkloadRef
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan, status
from hotupgrade_operator.actions import (
    Action,
    Adopt,
    MoveTraffic,
    Promote,
    PublishRevision,
    PushTrust,
    Roll,
    SetWeight,
    StartUpgrade,
    TakeBack,
)
from hotupgrade_operator.new_pods import boot_config
from hotupgrade_operator.observation import Observation, PodObservation
from hotupgrade_operator.traffic_istio import Patch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = Artifact(source=Source(http=HttpSource(url="http://a/2")), sha256="2" * 64, version="2")
BAD = Artifact(source=Source(http=HttpSource(url="http://a/3")), sha256="3" * 64, version="3")
WORKLOAD = WorkloadRef(api_version="apps/v1", kind="Deployment", name="web")


def spec(artifact: Artifact | None, **more: object) -> HotUpgradeSpec:
    return msgspec.structs.replace(HotUpgradeSpec(workload_ref=WORKLOAD, artifact=artifact), **more)


def pod(name: str, image: str = "app:1") -> PodObservation:
    agent = AgentStatus(
        pod_uid=name,
        sequence=0,
        agent_version="1",
        base=Base(image=image),
        launcher=LauncherStatus(sequence=1, mode=Mode.TRANSPARENT),
        hot_upgrade_uid="u",
        trust="t",
    )
    return PodObservation(name=name, uid=name, agent=agent, revision_label="image")


@dataclass
class World:
    """One HotUpgrade and its pods. started: the ids of the upgrades that agents were told."""

    seen: Observation
    started: list[str]
    now: datetime = NOW
    most_at_once: int = 0
    rolls: list[str] = field(default_factory=list)
    patched: list[Patch] = field(default_factory=list)

    def reconcile(self) -> plan.Plan:
        made = plan.make(self.seen, self.now)
        after = status.render(self.seen, made, self.now)
        self.seen = replace(self.seen, status=after)
        for action in made.actions:
            self.carry_out(action)
        running = sum(1 for p in self.seen.pods if self.running(p))
        self.most_at_once = max(self.most_at_once, running)
        return made

    @staticmethod
    def running(pod: PodObservation) -> bool:
        progress = pod.agent.progress if pod.agent else None
        return progress is not None and progress.state is PodState.WATCHING

    def carry_out(self, action: Action) -> None:
        match action:
            case MoveTraffic():
                self.patched.append(action.patch)
            case Roll():
                self.rolls.append(action.token)
                workload = replace(self.seen.workload, token=action.token, rolling=True)
                self.seen = replace(self.seen, workload=workload)
            case StartUpgrade():
                self.started.append(f"{action.pod.name} {action.id}")
                progress = Progress(
                    id=action.id,
                    revision=action.target.revision,
                    state=PodState.HOLDING if action.hold else PodState.WATCHING,
                    version=action.target.version,
                )
                self.change(action.pod, progress=progress)
            case SetWeight():
                self.progress(action.pod, weight=action.weight)
                if action.weight == 100:
                    self.change(action.pod, revision=action.revision)
            case Promote():
                self.progress(action.pod, state=PodState.COMMITTED)
                self.change(
                    action.pod, revision=action.revision, committed_revision=action.revision
                )
            case TakeBack():
                self.progress(
                    action.pod, state=PodState.FAILED, reason=FailureReason.REQUESTED, weight=0
                )
                found = self.find(action.pod.name)
                assert found.agent is not None
                self.change(found, revision=found.agent.committed_revision)
            case Adopt():
                self.change(action.pod, hot_upgrade_uid=self.seen.uid)
            case PushTrust():
                self.change(action.pod, trust=self.seen.trust)
            case PublishRevision():
                self.put(
                    replace(
                        self.find(action.pod.name),
                        revision_label=action.revision,
                        version_annotation=action.version,
                    )
                )

    def finish(self) -> None:
        """Every pod ends what it does; the bad artifact fails."""
        for found in self.seen.pods:
            progress = found.agent.progress if found.agent else None
            if progress is None or progress.state is not PodState.WATCHING:
                continue
            if progress.revision == revision_of(BAD):
                failed = msgspec.structs.replace(
                    progress,
                    state=PodState.FAILED,
                    reason=FailureReason.PROBE_FAILED,
                    message="status is 'DOWN'",
                )
                self.change(found, progress=failed)
                continue
            done = msgspec.structs.replace(progress, state=PodState.COMMITTED)
            self.change(
                found,
                progress=done,
                revision=progress.revision,
                version=progress.version,
                committed_revision=progress.revision,
            )

    def change(self, of: PodObservation, **changes: object) -> None:
        current = self.find(of.name)
        assert current.agent is not None
        self.put(replace(current, agent=msgspec.structs.replace(current.agent, **changes)))

    def progress(self, of: PodObservation, **changes: object) -> None:
        current = self.find(of.name).agent
        assert current is not None
        assert current.progress is not None
        self.change(of, progress=msgspec.structs.replace(current.progress, **changes))

    def find(self, name: str) -> PodObservation:
        return next(p for p in self.seen.pods if p.name == name)

    def put(self, changed: PodObservation) -> None:
        pods = tuple(changed if p.name == changed.name else p for p in self.seen.pods)
        self.seen = replace(self.seen, pods=pods)

    def apply(self, wanted: HotUpgradeSpec) -> None:
        self.seen = replace(self.seen, spec=wanted, generation=self.seen.generation + 1)

    def roll_one(self) -> bool:
        """The workload replaces its next pod; the new one boots what it is told. Says whether there
        was one left."""
        old = next(
            (p for p in self.seen.pods if not p.name.endswith(self.seen.workload.token)), None
        )
        if old is None:
            self.seen = replace(self.seen, workload=replace(self.seen.workload, rolling=False))
            return False
        boot = boot_config(self.seen.spec, self.seen.status, self.seen.generation, "app:1")
        new = pod(f"{old.name}-{self.seen.workload.token}")
        assert new.agent is not None
        agent = msgspec.structs.replace(
            new.agent, revision=boot.revision, committed_revision=boot.revision
        )
        pods = [p for p in self.seen.pods if p.name != old.name]
        self.seen = replace(self.seen, pods=(*pods, replace(new, agent=agent)))
        return True

    def request(self, text: str) -> None:
        self.seen = replace(self.seen, request=text)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def settle(self) -> None:
        for _ in range(50):
            self.reconcile()
            self.finish()
        self.reconcile()

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(c for c in self.seen.status.conditions if c.type == kind)
        return found.status, found.reason

    def revisions(self) -> set[str]:
        return {p.agent.revision for p in self.seen.pods if p.agent}


def world(artifact: Artifact | None, pods: int = 4, **more: object) -> World:
    seen = Observation(
        namespace="default",
        name="web",
        uid="u",
        generation=1,
        spec=spec(artifact, **more),
        status=HotUpgradeStatus(),
        trust="t",
        pods=tuple(pod(f"web-{n}") for n in range(pods)),
    )
    return World(seen, [])
