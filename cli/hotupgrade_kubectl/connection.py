"""IO: finds the API server and the namespace, by the options that kubectl has, in its order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

DEFAULT_NAMESPACE = "default"


class CannotConnect(Exception):
    """No kubeconfig names an API server, and this is no pod; or the one named cannot be used."""


@dataclass(frozen=True)
class Where:
    """The options: empty where they were not given."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


async def connect(where: Where) -> tuple[client.ApiClient, str]:
    """The client, for the caller to close, and the namespace: the option's, else the context's.

    The kubeconfig is --kubeconfig, KUBECONFIG or ~/.kube/config; without one, the pod's own account
    is used. Raises CannotConnect. The library types none of it.
    """
    _check(where)
    configuration: Any = client.Configuration()
    file, context = where.kubeconfig or None, where.context or None
    try:
        await config.load_kube_config(file, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]
        contexts, current = config.list_kube_config_contexts(file)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        if file or context:
            raise CannotConnect(f"cannot use the kubeconfig: {error}") from error
        try:
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            raise CannotConnect(f"cannot find the API server: {error}") from error
        return client.ApiClient(configuration), where.namespace or DEFAULT_NAMESPACE
    chosen = next((c for c in contexts if c["name"] == context), current)
    named = where.namespace or chosen["context"].get("namespace") or DEFAULT_NAMESPACE
    return client.ApiClient(configuration), str(named)


def _check(where: Where) -> None:
    """The library would say that an empty kubeconfig lacks a context."""
    if where.kubeconfig and not Path(where.kubeconfig).is_file():
        raise CannotConnect(f"cannot use the kubeconfig: there is no file {where.kubeconfig}")
