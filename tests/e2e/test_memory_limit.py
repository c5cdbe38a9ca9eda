"""Two processes share one memory limit: the kernel would end both, the launcher the new one."""

import pytest

from hotupgrade_api.launcher_messages import ProcessState
from tests.e2e.agent import generations
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask

LIMIT = {"limits": {"memory": "96Mi"}, "requests": {"memory": "96Mi"}}


@pytest.mark.parametrize(
    ("probes", "serves"), [(20, False), (1, True)], ids=["while it is probed", "after the flip"]
)
def test_new_version_that_eats_the_memory_is_killed_and_the_old_one_serves_on(
    probes: int, serves: bool, namespace: Namespace, artifacts: Artifacts, cluster: Cluster
) -> None:
    options = Options(replicas=1, resources=LIMIT, health={"successThreshold": probes})
    workload = Workload(namespace, "web", GO, options)
    (pod,) = workload.pods()
    (old,) = generations(pod, cluster)
    load = Load(namespace, "web", rate=200)
    namespace.apply(workload.hot_upgrade(artifacts.spec("hog", "v3")))
    ready = workload.until_ready("OutOfMemory")
    report = load.stop()
    new = max(generations(pod, cluster), key=lambda g: g.number)
    serving = next(g for g in generations(pod, cluster) if g.state is ProcessState.SERVING)
    assert "96 MiB" in ready.message
    assert (new.number, new.state, new.exit) == (2, ProcessState.EXITED, "signal SIGKILL")
    assert (serving.number, serving.pid) == (old.number, old.pid)
    assert ask(pod) == "v1"
    assert namespace.pod(pod.name).identity == pod.identity  # its restart count with it
    assert ("v3" in report.versions) == serves
    # What a killed process was answering dies with it; before the flip that is nobody's request.
    assert serves or report.failed == 0, report
