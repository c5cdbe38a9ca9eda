"""What is as it should be stays so: nothing is written, and nothing of ours holds anything back."""

from hotupgrade_api.resource import PLURAL
from tests.e2e.artifacts import Artifacts
from tests.e2e.audit import looks, writes
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask

RECONCILES = 2  # so many more, of which none writes


def test_applying_the_same_spec_again_writes_nothing(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO)
    spec = artifacts.spec("v2", "v2")
    workload.upgrade(spec)
    pods = workload.pods()
    written, looked = writes(namespace), looks(namespace)
    namespace.apply(workload.hot_upgrade(spec))
    namespace.until("more reconciles", lambda: looks(namespace) >= looked + RECONCILES)
    assert written, "the upgrade itself should be in the audit log"
    assert writes(namespace) == written
    assert workload.pods() == pods


def test_deleting_the_hotupgrade_leaves_the_servers_running_and_nothing_stuck(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO)
    workload.upgrade(artifacts.spec("v2", "v2"))
    before = workload.pods()
    namespace.kubectl("delete", PLURAL, "web", "--wait=true", "--timeout=30s")
    after = workload.pods()
    assert [ask(pod) for pod in after] == ["v2", "v2"]
    assert [pod.identity for pod in after] == [pod.identity for pod in before]
    namespace.kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=60s")
    assert workload.pods() == []
