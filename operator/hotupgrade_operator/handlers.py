"""kopf registrations, and nothing else."""

from typing import Any

import kopf

from hotupgrade_api.resource import API_VERSION, GROUP, PLURAL
from hotupgrade_operator.reconcile import Reconciler


def register(registry: kopf.OperatorRegistry, reconciler: Reconciler) -> None:
    @kopf.on.event(GROUP, API_VERSION, PLURAL, registry=registry)
    async def changed(namespace: str | None, name: str, **_: Any) -> None:
        reconciler.wake(namespace or "", name)

    @kopf.on.login(registry=registry)
    async def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
        found = kopf.login_with_service_account(settings=settings)
        return found or kopf.login_with_kubeconfig(settings=settings)

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
