"""Pods that NetworkPolicies isolate: Verify tells, Manage opens for as long as it takes."""

import pytest

from hotupgrade_api.agent_messages import PodState
from hotupgrade_api.pod_layout import AGENT_PORT
from hotupgrade_api.resource_status import Condition
from hotupgrade_operator.own_policies import MANAGED_BY, MANAGER
from tests.cluster.images import names
from tests.cluster.images.catalogue import ARTIFACTS_PORT
from tests.e2e import artifacts as served
from tests.e2e import audit, manifests
from tests.e2e.agent import agent_status, operator_certificate
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster, Object
from tests.e2e.connection import connects
from tests.e2e.manifests import GO, PORT, Options
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod
from tests.e2e.test_operator_killed import kill_leader
from tests.e2e.workload import Workload, ask

ISOLATED = "isolated"  # the user's own policy
SILENT = "silent"
MANAGE = {
    "mode": "Manage",
    "egress": [
        {
            "namespaceLabels": {"kubernetes.io/metadata.name": served.NAMESPACE},
            "podLabels": {"app": served.NAME},
            "ports": [{"port": ARTIFACTS_PORT}],
        },
        {"podLabels": {"app": SILENT}, "ports": [{"port": ARTIFACTS_PORT}]},
    ],
}


@pytest.fixture
def workload(namespace: Namespace) -> Workload:
    return Workload(namespace, "web", GO, Options(replicas=2))


def isolate(namespace: Namespace) -> None:
    """Users reach the app's port, and nothing else passes, in or out."""
    spec = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"port": PORT}]}],
    }
    namespace.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": ISOLATED},
            "spec": spec,
        }
    )


def hot_upgrade(workload: Workload, artifact: Object, network_policy: Object) -> Object:
    made = workload.hot_upgrade(artifact)
    return {**made, "spec": {**made["spec"], "networkPolicy": network_policy}}


def ours(namespace: Namespace, direction: str) -> list[Object]:
    found = namespace.cluster.list("networkpolicy", namespace.name, f"{MANAGED_BY}={MANAGER}")
    return [policy for policy in found if direction in policy["spec"]["policyTypes"]]


def reaches(pod: Pod, artifact: Object) -> bool:
    host, _, port = artifact["source"]["http"]["url"].split("/")[2].partition(":")
    return connects(pod, host, int(port))


def network_ready(namespace: Namespace, reason: str) -> Condition:
    def found() -> Condition | None:
        condition = namespace.condition("web", "NetworkReady")
        return condition if condition and condition.reason == reason else None

    return namespace.until(f"NetworkReady is {reason}", found)


def stranger(namespace: Namespace) -> Pod:
    namespace.apply(manifests.single_pod("stranger", names.PAUSE, [], "Always"))
    pod = namespace.until("a stranger", lambda: next(iter(namespace.pods("stranger")), None))
    return namespace.until("it runs", lambda: pod if namespace.pod(pod.name).ready else None)


def test_fetch_is_refused_without_the_operators_policy_and_passes_only_with_it(
    workload: Workload, artifacts: Artifacts
) -> None:
    namespace, artifact = workload.namespace, artifacts.spec("v2", "v2")
    (pod, _) = workload.pods()
    assert reaches(pod, artifact)
    isolate(namespace)
    namespace.until("egress is shut", lambda: not reaches(pod, artifact))

    namespace.apply(hot_upgrade(workload, artifact, {"mode": "Verify"}))
    shut = namespace.until(
        "the upgrade waits",
        lambda: (
            found
            if (found := namespace.condition("web", "Ready")) and ISOLATED in found.message
            else None
        ),
    )
    assert (shut.status, shut.reason) == ("False", "HostUnreachable")
    assert network_ready(namespace, "HostUnreachable").status == "False"
    assert [ask(p) for p in workload.pods()] == ["v1", "v1"]
    assert ours(namespace, "Ingress") == ours(namespace, "Egress") == []

    namespace.apply(hot_upgrade(workload, artifact, MANAGE))
    workload.until_ready("Upgraded")
    assert [ask(p) for p in workload.pods()] == ["v2", "v2"]
    made = [r for r in audit.writes(namespace) if "networkpolicies" in r.uri]
    assert {request.verb for request in made} == {"create", "delete"}
    network_ready(namespace, "Managed")
    assert ours(namespace, "Egress") == []
    assert not reaches(pod, artifact)


def test_foreign_pod_cannot_reach_an_agent_that_the_operator_reaches(
    workload: Workload, artifacts: Artifacts
) -> None:
    namespace, foreign = workload.namespace, stranger(workload.namespace)
    (pod, _) = workload.pods()
    assert connects(foreign, pod.address, AGENT_PORT)
    network_ready(namespace, "NoPolicies")
    isolate(namespace)
    namespace.apply(hot_upgrade(workload, artifacts.spec("v2", "v2"), MANAGE))
    workload.until_ready("Upgraded")
    assert [ask(p) for p in workload.pods()] == ["v2", "v2"]
    assert not connects(foreign, pod.address, AGENT_PORT)
    assert connects(foreign, pod.address, PORT)
    (beside,) = ours(namespace, "Ingress")
    assert [owner["name"] for owner in beside["metadata"]["ownerReferences"]] == [ISOLATED]
    # Alone it would cut the app off: Kubernetes collects it with the policy that it stands beside.
    namespace.kubectl("delete", "networkpolicy", ISOLATED)
    namespace.until("nothing isolates the pods", lambda: ours(namespace, "Ingress") == [])
    namespace.until("no path is shut", lambda: connects(foreign, pod.address, AGENT_PORT))


def test_egress_is_shut_again_after_a_fetch_that_failed(
    workload: Workload, artifacts: Artifacts
) -> None:
    namespace = workload.namespace
    isolate(namespace)
    missing = artifacts.with_digest("missing", "v9", "0" * 64)
    namespace.apply(hot_upgrade(workload, missing, MANAGE))
    workload.until_ready("FetchFailed")
    (pod, _) = workload.pods()
    namespace.until("egress is shut", lambda: ours(namespace, "Egress") == [])
    namespace.until("it is in force", lambda: not reaches(pod, missing))
    assert [ask(p) for p in workload.pods()] == ["v1", "v1"]


def test_operator_killed_while_a_pod_fetches_leaves_nothing_open_after_deletion(
    workload: Workload, cluster: Cluster
) -> None:
    """The host accepts the connection and never answers: the fetch lasts."""
    namespace = workload.namespace
    isolate(namespace)
    artifact = silent_artifact(namespace)
    namespace.apply(hot_upgrade(workload, artifact, MANAGE))
    certificate = operator_certificate(cluster)

    def fetching() -> Pod | None:
        for pod in workload.pods():
            progress = agent_status(pod, certificate).progress
            if progress is not None and progress.state is PodState.FETCHING:
                return pod
        return None

    pod = namespace.until("a pod fetches", fetching)
    assert ours(namespace, "Egress")
    assert reaches(pod, artifact)
    namespace.until("a leader to kill", lambda: kill_leader(cluster))
    namespace.kubectl("delete", "hotupgrade", "web", "--wait=false")
    namespace.until("egress is shut", lambda: ours(namespace, "Egress") == [], 90)
    namespace.until("agents, too", lambda: ours(namespace, "Ingress") == [])
    namespace.until("it is in force", lambda: not reaches(pod, artifact))
    assert [ask(p) for p in workload.pods()] == ["v1", "v1"]


def silent_artifact(namespace: Namespace) -> Object:
    pod = manifests.single_pod(SILENT, names.ARTIFACTS, [], "Always")
    listen = ["nc", "-ll", "-p", str(ARTIFACTS_PORT), "-e", "/bin/busybox", "sleep", "600"]
    pod["spec"]["containers"][0]["command"] = ["/bin/busybox", *listen]
    namespace.apply(pod)
    found = namespace.until(
        "a silent host", lambda: next((p for p in namespace.pods(SILENT) if p.ready), None)
    )
    source = {"http": {"url": f"http://{found.address}:{ARTIFACTS_PORT}/v2"}}
    return {"version": "v2", "source": source, "sha256": "0" * 64}
