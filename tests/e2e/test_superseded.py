"""What the user rolls the ordinary way wins over a hot upgrade, and comes back with it, too."""

from tests.cluster.images import names
from tests.e2e.artifacts import Artifacts
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask


def superseded(namespace: Namespace, status: str) -> bool:
    found = namespace.condition("web", "Superseded")
    return found is not None and found.status == status


def test_new_image_runs_its_own_file_and_undo_brings_back_image_and_revision(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO)
    workload.upgrade(artifacts.spec("v2", "v2"))
    revision = {pod.revision for pod in workload.pods()}
    namespace.kubectl("set", "image", "deployment/web", f"web={names.APP_V5}")
    namespace.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    rolled = workload.until_pods_are_ready(2)
    assert [ask(pod) for pod in rolled] == ["v5", "v5"]
    namespace.until("Superseded", lambda: superseded(namespace, "True"))
    assert [ask(pod) for pod in workload.pods()] == ["v5", "v5"]
    namespace.kubectl("rollout", "undo", "deployment/web")
    namespace.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    back = workload.until_pods_are_ready(2)
    assert [ask(pod) for pod in back] == ["v2", "v2"]
    namespace.until("not Superseded", lambda: superseded(namespace, "False"))
    workload.until_ready("Upgraded")
    assert {pod.revision for pod in workload.pods()} == revision
