"""Pure: what was seen of the network of one HotUpgrade's pods, and the paths that are needed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotupgrade_api.artifact_host import Host
from hotupgrade_operator.connection import Connection, End, Judgement, judge
from hotupgrade_operator.network_policy import Direction, Policy

DNS_PORT = 53
DNS_PORT_NAME = "dns"
UNKNOWN = End()


@dataclass(frozen=True)
class Path:
    """One of the connections is enough. name: for people."""

    name: str
    connections: tuple[Connection, ...]

    def judge(self, policies: tuple[Policy, ...]) -> Judgement:
        return max(
            (judge(connection, policies) for connection in self.connections),
            key=lambda found: found.verdict,
        )


@dataclass(frozen=True)
class NetworkView:
    """policies: of every namespace concerned, ours left out. own: ours, as they are. pods: by name.

    host: that the artifact comes from; source: what is known of it. dns: the cluster's DNS pods.
    """

    policies: tuple[Policy, ...] = ()
    own: tuple[Policy, ...] = ()
    pods: Mapping[str, End] = field(default_factory=dict)
    operator: End = UNKNOWN
    agent_port: int = 0
    host: Host | None = None
    source: End = UNKNOWN
    dns: tuple[End, ...] = ()

    def agent_path(self, pod: str) -> Path:
        connection = Connection(self.operator, self.pods[pod], self.agent_port)
        return Path(f"operator to agent (TCP {self.agent_port})", (connection,))

    def fetch_paths(self, pod: str) -> tuple[Path, ...]:
        """None where there is nothing to fetch. An address needs no DNS."""
        if self.host is None:
            return ()
        end = self.pods[pod]
        source = Path(f"pod to {self.host} (TCP)", (Connection(end, self.source, self.host.port),))
        if self.host.address:
            return (source,)
        servers = tuple(
            Connection(end, server, _dns_port(server), "UDP") for server in self.dns or (UNKNOWN,)
        )
        return Path("pod to DNS", servers), source

    def isolating(self, pod: str, direction: Direction) -> tuple[Policy, ...]:
        """The policies that select the pod, ours left out."""
        found = self.pods[pod].pod
        if found is None:
            return ()
        return tuple(
            policy
            for policy in self.policies
            if policy.isolates(found.namespace, found.labels, direction)
        )

    @property
    def isolated(self) -> bool:
        """Whether any policy selects any of the pods."""
        return any(self.isolating(pod, direction) for pod in self.pods for direction in Direction)


def _dns_port(server: End) -> int:
    """Where the server itself listens: plugins judge what the Service was resolved to."""
    ports = server.pod.ports if server.pod else ()
    named = (p.number for p in ports if (p.name, p.protocol) == (DNS_PORT_NAME, "UDP"))
    return next(named, DNS_PORT)
