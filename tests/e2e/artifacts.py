"""The pod that upgrades fetch from, one for the session, and the artifacts as a spec names them."""

from tests.cluster.images import artifacts, names
from tests.cluster.images.catalogue import ARTIFACTS_PORT
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.namespace import Namespace

NAME = "artifacts"
NAMESPACE = "artifacts"


class Artifacts:
    def __init__(self, namespace: Namespace) -> None:
        serve = ["httpd", "-f", "-p", str(ARTIFACTS_PORT), "-h", "/artifacts"]
        namespace.apply(manifests.single_pod(NAME, names.ARTIFACTS, serve, "Always"))
        self.address = namespace.until("the artifacts' pod", lambda: _address(namespace))
        self._url = f"http://{self.address}:{ARTIFACTS_PORT}"

    def spec(self, name: str, version: str) -> Object:
        """As spec.artifact: `name` is a file of tests/cluster/images/artifacts.py."""
        return self.with_digest(name, version, artifacts.artifact(name).sha256)

    def with_digest(self, name: str, version: str, sha256: str) -> Object:
        source = {"http": {"url": f"{self._url}/{name}"}}
        return {"version": version, "source": source, "sha256": sha256}


def _address(namespace: Namespace) -> str:
    pods = namespace.pods(NAME)
    return pods[0].address if pods and pods[0].ready else ""
