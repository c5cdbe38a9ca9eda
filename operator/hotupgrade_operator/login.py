"""How kopf reaches the API server: by its address, as our other client does, so DNS may be down."""

import dataclasses
import os
from collections.abc import Mapping

import kopf


def connection(
    settings: kopf.OperatorSettings, env: Mapping[str, str] = os.environ
) -> kopf.ConnectionInfo | None:
    """The pod's ServiceAccount where there is one, else a kubeconfig's."""
    account = kopf.login_with_service_account(settings=settings)
    if account is None:
        return kopf.login_with_kubeconfig(settings=settings)
    return dataclasses.replace(account, server=in_cluster(env, account.server))


def in_cluster(env: Mapping[str, str], otherwise: str) -> str:
    """The URL that the kubelet gives every container, in two variables."""
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return otherwise
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
