"""Apply a HotUpgrade, and the servers in running pods are replaced with no failed request."""

import pytest

from tests.cluster import versions
from tests.cluster.images.artifacts import other_version
from tests.e2e.artifacts import Artifacts
from tests.e2e.load import Load
from tests.e2e.manifests import GO, NGINX, Options, Server
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload, ask
from tests.pod_security import violations

REQUESTS = 20_000
NGINX_OLD, NGINX_NEW = versions.NGINX, other_version(versions.NGINX)


@pytest.mark.parametrize(
    ("server", "artifact", "old", "new"),
    [(GO, "v2", "v1", "v2"), (NGINX, "nginx", NGINX_OLD, NGINX_NEW)],
    ids=["go", "nginx"],
)
def test_every_pod_serves_the_new_version_and_no_request_failed(
    server: Server,
    artifact: str,
    old: str,
    new: str,
    namespace: Namespace,
    artifacts: Artifacts,
) -> None:
    workload = Workload(namespace, "web", server, Options(replicas=3))
    before = workload.pods()
    load = Load(namespace, "web", rate=800, at_least=REQUESTS)
    workload.upgrade(artifacts.spec(artifact, new))
    after = workload.pods()
    served = [ask(pod) for pod in after]
    report = load.stop()
    assert served == [new] * 3
    assert report.failed == 0, report
    assert report.requests >= REQUESTS
    assert set(report.versions) == {old, new}
    assert [pod.identity for pod in after] == [pod.identity for pod in before]
    assert {pod.version for pod in after} == {new}
    assert [unrestricted(namespace, pod) for pod in after] == [[]] * 3


def unrestricted(namespace: Namespace, pod: Pod) -> list[str]:
    """What of the pod, our containers included, is less restricted than it should be."""
    raw = namespace.cluster.get("pod", namespace.name, pod.name)
    assert raw is not None
    spec = raw["spec"]
    writable = [
        f"{container['name']}: writable root"
        for container in [*spec["initContainers"], *spec["containers"]]
        if not container["securityContext"].get("readOnlyRootFilesystem")
    ]
    return [*violations(spec), *writable]
