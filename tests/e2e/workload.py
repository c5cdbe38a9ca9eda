"""One Deployment with its Service and its HotUpgrade, and what a test does with them."""

import urllib.request

from hotupgrade_api.resource_status import Condition
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.manifests import PORT, Options, Server
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod

UPGRADE_SECONDS = 120.0


class Workload:
    """Applied, and its pods Ready, when it is constructed."""

    def __init__(
        self, namespace: Namespace, name: str, server: Server, options: Options | None = None
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.server = server
        self.options = options or Options()
        if server.config_map:
            namespace.apply(manifests.nginx_config())
        namespace.apply(
            self.hot_upgrade(None),
            manifests.service(name),
            manifests.deployment(name, server, self.options),
        )
        self.until_pods_are_ready(self.options.replicas)
        self.until_ready("Upgraded")

    def hot_upgrade(self, artifact: Object | None) -> Object:
        return manifests.hot_upgrade(self.name, self.server, self.options, artifact)

    def pods(self) -> list[Pod]:
        return self.namespace.pods(self.name)

    def upgrade(self, artifact: Object | None) -> None:
        """Applies it and waits until every pod has it."""
        self.namespace.apply(self.hot_upgrade(artifact))
        self.until_ready("Upgraded")

    def until_pods_are_ready(self, count: int) -> list[Pod]:
        def ready() -> list[Pod]:
            pods = self.pods()
            return pods if len(pods) == count and all(p.ready for p in pods) else []

        return self.namespace.until(f"{count} ready pods of {self.name}", ready, UPGRADE_SECONDS)

    def until_ready(self, reason: str) -> Condition:
        """The condition Ready of the spec as it is now, with that reason, once all is settled."""

        def settled() -> Condition | None:
            found = self.namespace.condition(self.name, "Ready")
            moving = self.namespace.condition(self.name, "Reconciling")
            done = moving is not None and moving.status == "False"
            return found if done and found and found.reason == reason else None

        return self.namespace.until(f"{self.name} is {reason}", settled, UPGRADE_SECONDS)


def ask(pod: Pod, path: str = "/") -> str:
    """The answer of that pod itself, not through the Service; its first line."""
    url = f"http://{pod.address}:{PORT}{path}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode().partition("\n")[0])
