"""The leading operator is killed at random points of an upgrade, ten times over."""

import random
import time

from hotupgrade_api.resource_status import Phase
from tests.e2e.agent import generations
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import OPERATOR_NAMESPACE, Namespace
from tests.e2e.node import processes_of
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload, ask

LEASE = "hotupgrade-operator"
PROGRAM = "/usr/local/bin/hotupgrade-operator"
KILLS = 10
UPGRADE_SECONDS = 8.0  # about what one takes: the kill comes anywhere in it


def leader(cluster: Cluster) -> Pod | None:
    """The pod that holds the Lease and lives."""
    lease = cluster.get("lease", OPERATOR_NAMESPACE, LEASE) or {}
    name = lease.get("spec", {}).get("holderIdentity") or ""
    raw = cluster.get("pod", OPERATOR_NAMESPACE, name) if name else None
    return Pod.of(raw) if raw else None


def kill_leader(cluster: Cluster) -> int:
    """How many processes that were."""
    found = leader(cluster)
    killed = processes_of(found.uid, PROGRAM) if found else []
    for process in killed:
        process.kill()
    return len(killed)


def test_upgrade_ends_right_and_no_pod_is_upgraded_twice(
    namespace: Namespace, artifacts: Artifacts, cluster: Cluster
) -> None:
    workload = Workload(
        namespace, "web", GO, Options(replicas=2, handoff={"rollbackWindowSeconds": 1})
    )
    before = workload.pods()
    load = Load(namespace, "web", rate=200)
    moments = random.Random(4)
    phases = []
    for kill in range(1, KILLS + 1):
        version = ("v4", "v2")[kill % 2]
        namespace.apply(workload.hot_upgrade(artifacts.spec(version, version)))
        time.sleep(moments.uniform(0, UPGRADE_SECONDS))  # a random point, not a hope
        phases.append(namespace.status("web").phase)
        namespace.until("a leader to kill", lambda: kill_leader(cluster))
        workload.until_ready("Upgraded")
        after = workload.pods()
        assert [ask(pod) for pod in after] == [version] * 2
        # The first process generation is the image's; each upgrade makes one more.
        newest = [max(g.number for g in generations(pod, cluster)) for pod in after]
        assert newest == [1 + kill] * 2
    report = load.stop()
    print(f"killed while it was {', '.join(phases)}")
    assert Phase.UPGRADING in phases
    assert report.failed == 0, report
    assert [pod.identity for pod in workload.pods()] == [pod.identity for pod in before]
