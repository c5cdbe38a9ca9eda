"""kopf registrations, and nothing else."""

from dataclasses import replace
from typing import Any

import kopf

from hotupgrade_api.resource import API_VERSION, GROUP, PLURAL
from hotupgrade_operator.reconcile import Reconciler


def register(registry: kopf.OperatorRegistry, reconciler: Reconciler, api_server: str) -> None:
    """api_server: the URL that the client library found. kopf would use a name that needs DNS."""

    @kopf.on.event(GROUP, API_VERSION, PLURAL, registry=registry)
    async def changed(namespace: str | None, name: str, **_: Any) -> None:
        reconciler.wake(namespace or "", name)

    @kopf.on.login(registry=registry)
    async def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
        found = kopf.login_with_service_account(settings=settings)
        found = found or kopf.login_with_kubeconfig(settings=settings)
        return replace(found, server=api_server) if found else None

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
