"""What injected containers may use, under the kernel's quotas and under a namespace's."""

from pathlib import Path

from hotupgrade_api.pod_layout import AGENT_CONTAINER
from tests.cluster.cgroups import hierarchies
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.node import processes_of
from tests.e2e.workload import Workload, ask

RESOURCES = {"cpu": "100m", "memory": "64Mi"}
AGENT_PROGRAM = "/usr/local/bin/hotupgrade-agent"
AGENT_CORES = 0.2  # the chart's agent.resources.limits.cpu
QUOTA: Object = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "quota"},
    "spec": {"hard": {"limits.cpu": "2", "limits.memory": "1Gi", "requests.cpu": "1"}},
}
SMALL_DEFAULTS: Object = {  # below what the agent requests
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "default": {"cpu": "100m", "memory": "64Mi"}}]},
}


def cores(pid: int) -> float:
    """The share of a CPU that its cgroup may use. cgroups(7): of either version."""
    groups = (line.split(":", 2)[2] for line in Path(f"/proc/{pid}/cgroup").read_text().split())
    folders = [root / group.lstrip("/") for group in set(groups) for root in hierarchies()]
    for folder in folders:
        if (folder / "cpu.cfs_quota_us").exists():
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (int((folder / name).read_text()) for name in names)
            return quota / period
        if (folder / "cpu.max").exists():
            quota, period = map(int, (folder / "cpu.max").read_text().split())
            return quota / period
    raise FileNotFoundError(f"cannot find the CPU quota of process {pid}")


def test_guaranteed_pod_that_names_no_user_is_upgraded_within_its_quota(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    resources = {"requests": RESOURCES, "limits": RESOURCES}
    workload = Workload(namespace, "web", GO, Options(replicas=1, user=None, resources=resources))
    (before,) = workload.pods()
    assert before.qos_class == "Guaranteed"
    assert AGENT_CONTAINER in before.containers
    (*_, agent) = processes_of(before.uid, AGENT_PROGRAM)
    assert cores(agent.pid) == AGENT_CORES
    workload.upgrade(artifacts.spec("v2", "v2"))
    (after,) = workload.pods()
    assert after.identity == before.identity
    assert ask(after) == "v2"


def test_namespace_with_a_quota_and_small_default_limits_takes_injected_pods(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    namespace.apply(QUOTA, SMALL_DEFAULTS)
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    workload.upgrade(artifacts.spec("v2", "v2"))
    (pod,) = workload.pods()
    assert AGENT_CONTAINER in pod.containers
    assert (pod.restarts, ask(pod)) == (0, "v2")
