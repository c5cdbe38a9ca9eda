"""An agent is killed between any two steps of an upgrade; its journal says where it was."""

import time

import msgspec

from hotupgrade_agent.store import JOURNAL
from hotupgrade_agent.upgrade import Journal
from hotupgrade_api.agent_messages import PodState
from hotupgrade_api.pod_layout import STORE_VOLUME
from tests.e2e.agent import generations
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.node import processes_of
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload, ask

PROGRAM = "/usr/local/bin/hotupgrade-agent"
STEPS = (
    PodState.FETCHING,
    PodState.STAGED,
    PodState.STARTING,
    PodState.PROBING,
    PodState.FLIPPING,
    PodState.WATCHING,
    PodState.COMMITTING,
)
MOST_UPGRADES = 40  # some steps are over in a millisecond: the kill comes too late, and again
STEP_SECONDS = 60.0


def journal(namespace: Namespace, pod: Pod) -> Journal | None:
    """Read from the node's disk: asking the agent would miss the short steps."""
    file = namespace.cluster.layout.pod_volumes(pod.uid) / STORE_VOLUME / JOURNAL
    try:
        return msgspec.json.decode(file.read_bytes(), type=Journal)
    except FileNotFoundError:
        return None


def kill_at(step: PodState, namespace: Namespace, pod: Pod, artifact_version: str) -> PodState:
    """Kills the agent once it is at the step, or past it; where the journal then was."""
    (agent,) = processes_of(pod.uid, PROGRAM)[-1:]
    deadline = time.monotonic() + STEP_SECONDS
    while time.monotonic() < deadline:
        found = journal(namespace, pod)
        if found is None or found.command.version != artifact_version:
            continue
        if reached(found.progress.state, step):
            agent.kill()
            after = journal(namespace, pod)
            assert after is not None
            return after.progress.state
    raise AssertionError(f"cannot kill the agent: step {step} not reached\n{namespace.story()}")


def reached(state: PodState, step: PodState) -> bool:
    """The step or a later one; a failed upgrade is at none of them."""
    order = [*STEPS, PodState.COMMITTED]
    return state in order and order.index(state) >= order.index(step)


def test_upgrade_ends_right_wherever_the_agent_is_killed(
    namespace: Namespace, artifacts: Artifacts, cluster: Cluster
) -> None:
    workload = Workload(
        namespace, "web", GO, Options(replicas=1, handoff={"rollbackWindowSeconds": 1})
    )
    (pod,) = workload.pods()
    load = Load(namespace, "web", rate=200)
    missing, upgrades = list(STEPS), 0
    while missing and upgrades < MOST_UPGRADES:
        upgrades += 1
        # A version of its own each time, so that the journal tells this upgrade from the last one.
        version = f"{('v4', 'v2')[upgrades % 2]}-{upgrades}"
        namespace.apply(workload.hot_upgrade(artifacts.spec(version[:2], version)))
        hit = kill_at(missing[0], namespace, pod, version)
        if hit in missing:
            missing.remove(hit)
        workload.until_ready("Upgraded")
        assert ask(pod) == version[:2]
        assert max(g.number for g in generations(pod, cluster)) == 1 + upgrades
    report = load.stop()
    assert missing == []
    assert report.failed == 0, report
    assert workload.pods()[0].identity == pod.identity
