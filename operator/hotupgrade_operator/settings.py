"""The operator's settings: read once from the environment; a wrong one names its variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hotupgrade_api.pod_layout import AGENT_PORT

PREFIX = "HOTUPGRADE_OPERATOR_"


class SettingsError(Exception):
    """A variable is wrong: the operator ends at start and says which."""


@dataclass(frozen=True)
class Settings:
    namespace: str  # of the operator itself: its CA's Secret lies there
    agent_port: int
    metrics_port: int
    secret_name: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError naming the variable."""

        def port(name: str, default: int) -> int:
            text = env.get(PREFIX + name, str(default))
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise SettingsError(f"cannot start: {PREFIX}{name} is {text!r}, a port is right")
            return int(text)

        return cls(
            namespace=env.get(PREFIX + "NAMESPACE") or "hotupgrade-system",
            agent_port=port("AGENT_PORT", AGENT_PORT),
            metrics_port=port("METRICS_PORT", 9443),
            secret_name=env.get(PREFIX + "SECRET_NAME") or "hotupgrade-ca",
        )
