"""The pod never suffers from us: not its readiness, not its QoS class, not what runs in it."""

import subprocess

import pytest

from hotupgrade_api.pod_layout import AGENT_CONTAINER, STORE_PATH
from hotupgrade_api.store_records import CURRENT
from tests.e2e.agent import agent_process, agent_status, operator_certificate
from tests.e2e.agent_pod import agent_of, copy_of
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster, Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload

KILLS = 20
TINY_CAP_BYTES = "20000000"  # below what Python needs: it exceeds that at each start
EXCEEDED = "supervised command killed"
ATTEMPTS = (
    f"echo bad > {STORE_PATH}/bin/hotupgrade-launcher",
    f"busybox touch {STORE_PATH}/new",
    f"busybox mv {STORE_PATH}/{CURRENT} {STORE_PATH}/old",
    f"busybox rm {STORE_PATH}/{CURRENT}",
    f"busybox chmod 0777 {STORE_PATH}",
)
GUARANTEED = {"cpu": "100m", "memory": "64Mi"}


def test_killing_the_agent_twenty_times_never_changes_ready(
    namespace: Namespace, cluster: Cluster
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    (pod,) = workload.pods()
    certificate = operator_certificate(cluster)

    def answers() -> bool:
        try:
            return agent_status(pod, certificate).pod_uid == pod.uid
        except OSError:
            return False

    for _ in range(KILLS):
        kill_agent(pod, namespace)
        assert namespace.pod(pod.name) == pod
    namespace.until("the agent answers", answers)
    assert namespace.pod(pod.name) == pod


def kill_agent(pod: Pod, namespace: Namespace) -> None:
    """Until its successor runs."""
    old = namespace.until("the agent runs", lambda: agent_process(pod))

    def another() -> bool:
        found = agent_process(pod)
        return found is not None and found.pid != old.pid

    old.kill()
    namespace.until("the agent runs again", another)


def test_agent_that_exceeds_its_memory_cap_never_changes_ready(namespace: Namespace) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    (model,) = workload.pods()
    raw = namespace.cluster.get("pod", namespace.name, model.name)
    assert raw is not None
    pod = copy_of(raw, "small")
    command = agent_of(pod)["command"]
    command[command.index("--memory-limit") + 1] = TINY_CAP_BYTES
    namespace.apply(pod)
    namespace.until("the pod is ready", lambda: namespace.pod("small").ready)
    before = namespace.pod("small")
    namespace.until("the cap is exceeded three times", lambda: exceeded(namespace) >= 3)
    after = namespace.pod("small")
    assert (after.ready, after.ready_since) == (True, before.ready_since)
    assert after.identity == before.identity


def exceeded(namespace: Namespace) -> int:
    return namespace.kubectl("logs", "small", "--container", AGENT_CONTAINER).count(EXCEEDED)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"requests": GUARANTEED, "limits": GUARANTEED}, "Guaranteed"),
        ({"requests": {"cpu": "10m", "memory": "32Mi"}}, "Burstable"),
    ],
    ids=["guaranteed", "burstable"],
)
def test_qos_class_is_what_it_was_without_injection(
    resources: Object, expected: str, namespace: Namespace
) -> None:
    (pod,) = Workload(namespace, "web", GO, Options(replicas=1, resources=resources)).pods()
    assert AGENT_CONTAINER in pod.containers
    assert pod.qos_class == expected


def test_app_can_write_neither_store_nor_current(
    namespace: Namespace, artifacts: Artifacts, cluster: Cluster
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    workload.upgrade(artifacts.spec("v2", "v2"))
    (pod,) = workload.pods()
    said = {attempt: run_in_app(namespace, pod, attempt) for attempt in ATTEMPTS}
    assert [a for a, text in said.items() if "Read-only file system" not in text] == [], said
    status = agent_status(pod, operator_certificate(cluster))
    assert status.committed_revision == pod.revision != "image"


def run_in_app(namespace: Namespace, pod: Pod, command: str) -> str:
    """What it printed; it must fail."""
    where = ("--namespace", namespace.name, pod.name, "--container", "web")
    done = subprocess.run(
        ["kubectl", "exec", *where, "--", "/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, command
    return done.stdout + done.stderr
