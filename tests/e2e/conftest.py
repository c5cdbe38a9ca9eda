"""One operator for the session, installed by helm; a namespace for each test."""

import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart import CHART
from tests.cluster.images import names
from tests.cluster.layout import DATA_VARIABLE, Layout
from tests.e2e.alertmanager import Alertmanager
from tests.e2e.alertmanager import alertmanager as run_alertmanager
from tests.e2e.artifacts import NAMESPACE, Artifacts
from tests.e2e.cluster import Cluster
from tests.e2e.mesh import Mesh
from tests.e2e.mesh import mesh as run_mesh
from tests.e2e.namespace import OPERATOR_NAMESPACE, Namespace
from tests.e2e.prometheus import Prometheus
from tests.e2e.prometheus import prometheus as run_prometheus

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
DEPLOYMENT = "deployment/hotupgrade-operator"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    data = os.environ.get(DATA_VARIABLE)
    if not data:
        pytest.exit("cannot run: this is not the tests' cluster; use `make e2e`", returncode=2)
    return Cluster(Layout(Path(data)))


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Namespace:
    """Installed as a user does it; the namespace that it runs in."""
    registry, _, _ = names.REGISTRY.rpartition("/")
    values = [f"image.registry={registry}", "istio.enabled=true"]
    values += [f"image.{part}.tag={names.TAG}" for part in ("operator", "agent")]
    cluster.apply(_namespace(OPERATOR_NAMESPACE))
    command = ["helm", "install", "hotupgrade", str(CHART), "--namespace", OPERATOR_NAMESPACE]
    for value in values:
        command += ["--set", value]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    namespace = Namespace(cluster, OPERATOR_NAMESPACE)
    namespace.kubectl("rollout", "status", DEPLOYMENT, "--timeout=120s")
    return namespace


@pytest.fixture(scope="session")
def artifacts(cluster: Cluster) -> Artifacts:
    cluster.apply(_namespace(NAMESPACE))
    return Artifacts(Namespace(cluster, NAMESPACE))


@pytest.fixture(scope="session")
def alertmanager(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alertmanager]:
    with run_alertmanager(cluster, tmp_path_factory.mktemp("alertmanager")) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus(
    cluster: Cluster,
    operator: Namespace,
    alertmanager: Alertmanager,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with run_prometheus(cluster, folder, alertmanager.address) as running:
        yield running


@pytest.fixture(scope="session")
def mesh(
    cluster: Cluster, operator: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mesh]:
    with run_mesh(cluster, tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture
def namespace(
    cluster: Cluster, operator: Namespace, request: pytest.FixtureRequest
) -> Iterator[Namespace]:
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
    # A namespace goes slowly: the next test, of the same beginning, cannot wait for its name.
    name = f"{words.removeprefix('test-')[:40].strip('-')}-{next(NUMBERS)}"
    cluster.apply(_namespace(name))
    yield Namespace(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Each scenario and its time as it ends: a failure is read while the others run."""
    if report.when == "call" or report.failed:
        print(f"\n{report.nodeid}: {report.outcome} in {report.duration:.1f} s")
        if report.failed:
            print(report.longreprtext)


def _namespace(name: str) -> dict[str, object]:
    """Pods that are not restricted are refused there, ours injected included."""
    metadata = {"name": name, "labels": RESTRICTED}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
