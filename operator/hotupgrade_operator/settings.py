"""The operator's settings: read once from the environment; a wrong one names its variable."""

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hotupgrade_api import pod_layout as layout
from hotupgrade_operator import agent_resources
from hotupgrade_operator.agent_resources import AgentResources
from hotupgrade_operator.allowed_hosts import AllowedHosts

PREFIX = "HOTUPGRADE_OPERATOR_"
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
LABEL = re.compile(r"[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*")
T = TypeVar("T")


class SettingsError(Exception):
    """A variable is wrong: the operator ends at start and says which."""


@dataclass(frozen=True)
class Settings:
    namespace: str  # of the operator itself: its CA's Secret and its Lease lie there
    pod_name: str  # holds the Lease
    agent_image: str  # empty: pods are not injected
    agent_pull_policy: str
    agent_pull_secrets: tuple[str, ...]  # names, looked for in the pod's namespace
    agent_resources: AgentResources
    agent_port: int
    agent_metrics_port: int
    webhook_port: int
    metrics_port: int
    secret_name: str
    lease_name: str
    webhook_service: str  # the certificate is for this Service's DNS name
    webhook_configuration: str  # whose caBundle is kept right; empty: none
    store_limit_bytes: int
    prometheus_allowed: AllowedHosts  # which servers analyses may be read from
    istio: bool  # whether VirtualServices and DestinationRules may be looked at and patched
    pod_labels: str  # "key=value,...", of the operator's own pods, as a policy may select them
    bind_address: str | None  # None: every address

    @property
    def labels(self) -> dict[str, str]:
        """pod_labels, taken apart."""
        return dict(part.split("=", 1) for part in self.pod_labels.split(",") if part)

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError naming the variable."""

        def text(name: str, default: str) -> str:
            return env.get(PREFIX + name) or default

        def number(name: str, default: int, most: int, right: str) -> int:
            value = text(name, str(default))
            if not value.isdigit() or not 0 < int(value) <= most:
                raise SettingsError(f"cannot start: {PREFIX}{name} is {value!r}, {right} is right")
            return int(value)

        def port(name: str, default: int) -> int:
            return number(name, default, 65535, "a port")

        def parsed(name: str, default: str, parse: Callable[[str], T]) -> T:
            try:
                return parse(env.get(PREFIX + name, default))
            except ValueError as error:
                raise SettingsError(f"cannot start: {PREFIX}{name}: {error}") from error

        return cls(
            namespace=text("NAMESPACE", "hotupgrade-system"),
            pod_name=text("POD_NAME", socket.gethostname()),
            agent_image=text("AGENT_IMAGE", ""),
            agent_pull_policy=parsed("AGENT_PULL_POLICY", "IfNotPresent", _pull_policy),
            agent_pull_secrets=tuple(filter(None, text("AGENT_PULL_SECRETS", "").split(","))),
            agent_resources=parsed("AGENT_RESOURCES", "{}", agent_resources.read),
            agent_port=port("AGENT_PORT", layout.AGENT_PORT),
            agent_metrics_port=port("AGENT_METRICS_PORT", layout.METRICS_PORT),
            webhook_port=port("WEBHOOK_PORT", 9443),
            metrics_port=port("METRICS_PORT", 9442),
            secret_name=text("SECRET_NAME", "hotupgrade-ca"),
            lease_name=text("LEASE_NAME", "hotupgrade-operator"),
            webhook_service=text("WEBHOOK_SERVICE", "hotupgrade-operator"),
            webhook_configuration=text("WEBHOOK_CONFIGURATION", ""),
            store_limit_bytes=number(
                "STORE_LIMIT_BYTES", layout.STORE_LIMIT_BYTES, 1 << 40, "bytes"
            ),
            prometheus_allowed=parsed("PROMETHEUS_ALLOWED", "*", AllowedHosts.parse),
            istio=parsed("ISTIO", "false", _truth),
            pod_labels=parsed("POD_LABELS", "", _pod_labels),
            bind_address=env.get(PREFIX + "BIND_ADDRESS") or None,
        )


def _pod_labels(text: str) -> str:
    if not all(LABEL.fullmatch(part) for part in text.split(",") if part):
        raise ValueError(f"{text!r}, key=value,... is right")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r}, true or false is right")
    return text == "true"


def _pull_policy(text: str) -> str:
    if text not in PULL_POLICIES:
        raise ValueError(f"{text!r}, one of {', '.join(PULL_POLICIES)} is right")
    return text
