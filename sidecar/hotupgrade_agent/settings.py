"""The agent's settings: read once from the environment; a wrong one names its variable."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import BootConfig, HealthDefault

log = logging.getLogger("hotupgrade.agent")
T = TypeVar("T")


class SettingsError(Exception):
    """A variable is missing or wrong: the process ends at start and says which."""


@dataclass(frozen=True)
class Settings:
    pod_name: str
    pod_namespace: str
    pod_uid: str
    hot_upgrade_uid: str  # empty: the pod was made before its HotUpgrade
    store: Path
    store_limit_bytes: int  # of the volume; 80 % of it are used at most
    socket: Path
    bind_address: str | None  # None: every address
    agent_port: int
    metrics_port: int
    ca_bundle: str  # PEM
    token_file: Path
    termination_log: Path
    boot: BootConfig
    default_health: HealthDefault

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError naming the variable."""

        def text(name: str, default: str | None = None) -> str:
            value = env.get(name) or default
            if value is None:
                raise SettingsError(f"cannot start: {name} is not set; injection sets it")
            return value

        def number(name: str, default: int) -> int:
            value = env.get(name)
            if value is None:
                return default
            if not value.isdigit():
                raise SettingsError(f"cannot start: {name} is {value!r}, a number is right")
            return int(value)

        def parsed(name: str, kind: type[T]) -> T:
            try:
                return msgspec.json.decode(env.get(name) or "{}", type=kind)
            except msgspec.DecodeError as error:
                raise SettingsError(f"cannot start: {name}: {error}") from error

        return cls(
            pod_name=text(layout.ENV_POD_NAME),
            pod_namespace=text(layout.ENV_POD_NAMESPACE),
            pod_uid=text(layout.ENV_POD_UID),
            hot_upgrade_uid=env.get(layout.ENV_HOT_UPGRADE_UID, ""),
            store=Path(text(layout.ENV_STORE, layout.STORE_PATH)),
            store_limit_bytes=number(layout.ENV_STORE_LIMIT, layout.STORE_LIMIT_BYTES),
            socket=Path(text(layout.ENV_SOCKET, layout.SOCKET_PATH)),
            bind_address=env.get(layout.ENV_BIND_ADDRESS) or None,
            agent_port=number(layout.ENV_AGENT_PORT, layout.AGENT_PORT),
            metrics_port=number(layout.ENV_METRICS_PORT, layout.METRICS_PORT),
            ca_bundle=text(layout.ENV_CA_BUNDLE),
            token_file=Path(text(layout.ENV_TOKEN_FILE, layout.TOKEN_PATH)),
            termination_log=Path(text(layout.ENV_TERMINATION_LOG, layout.TERMINATION_LOG)),
            boot=parsed(layout.ENV_BOOT, BootConfig),
            default_health=_default_health(env.get(layout.ENV_DEFAULT_HEALTH) or "{}"),
        )


def _default_health(raw: str) -> HealthDefault:
    """Kubernetes took the user's probe: where we cannot read it, the agent still has to run."""
    try:
        return msgspec.json.decode(raw, type=HealthDefault)
    except msgspec.DecodeError as error:
        log.error("cannot read %s: %s", layout.ENV_DEFAULT_HEALTH, error)
        return HealthDefault(error=str(error))
