"""A bad version never costs a request: the old one serves on, and status says what was wrong."""

import pytest

from tests.e2e.artifacts import Artifacts
from tests.e2e.load import Load
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask

WRONG_DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("artifact", "reason"),
    [
        ("wrong-digest", "DigestMismatch"),
        ("missing", "FetchFailed"),
        ("exit", "ProcessExited"),
        ("silent", "NotReady"),
        ("down", "ProbeFailed"),
        ("crash", "ProcessExited"),  # within the rollback window
    ],
)
def test_bad_artifact_leaves_the_old_version_serving_and_names_the_reason(
    artifact: str, reason: str, namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO)
    before = workload.pods()
    load = Load(namespace, "web")
    if artifact in ("wrong-digest", "missing"):
        file = "v2" if artifact == "wrong-digest" else artifact
        spec = artifacts.with_digest(file, "v3", WRONG_DIGEST)
    else:
        spec = artifacts.spec(artifact, "v3")
    namespace.apply(workload.hot_upgrade(spec))
    ready = workload.until_ready(reason)
    report = load.stop()
    assert report.failed == 0, report
    assert set(report.versions) <= {"v1", "v3"}
    assert [ask(pod) for pod in before] == ["v1", "v1"]
    assert [pod.identity for pod in workload.pods()] == [pod.identity for pod in before]
    stalled = namespace.condition("web", "Stalled")
    assert ready.status == "False"
    assert stalled is not None
    assert stalled.status == "True"
    assert any(pod.name in ready.message for pod in before), ready
    assert reason in [found for found, _ in namespace.events("web")]
