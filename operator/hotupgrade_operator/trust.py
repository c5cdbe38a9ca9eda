"""IO: keeps the operator's Secret, and the webhook's caBundle, as `certificates` says they must be.

Both replicas do: a write names the version that it is based on, so of two the first wins and the
other reads what it wrote.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

import aiohttp
from kubernetes.aio import client

from hotupgrade_operator import metrics
from hotupgrade_operator.certificates import Identity, kept
from hotupgrade_operator.cluster import Cluster, Secret
from hotupgrade_operator.settings import Settings

log = logging.getLogger("hotupgrade.operator")

REFRESH_SECONDS = 30.0
CONFLICT = 409
MOST_TRIES = 5


class UnusableSecret(Exception):
    """The Secret is there, but is not one of ours, and there is nothing to put in its place."""


class Trust:
    """`identity` is what is in force; whoever uses it is told when it changes."""

    def __init__(self, cluster: Cluster, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._users: list[Callable[[Identity], None]] = []
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        assert self._identity is not None, "refresh comes first"
        return self._identity

    def use(self, user: Callable[[Identity], None]) -> None:
        """Calls it now, and whenever the identity changes."""
        self._users.append(user)
        user(self.identity)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("cannot look after the certificates, trying again: %s", error)

    async def refresh(self) -> None:
        """Raises UnusableSecret, or what the API client raises."""
        identity = await self._kept()
        if identity != self._identity:
            self._identity = identity
            for name, end in identity.expiries().items():
                metrics.CERTIFICATE_EXPIRY.labels(name).set(end.timestamp())
            for user in self._users:
                user(identity)
        name = self._settings.webhook_configuration
        if name and await self._cluster.trust_webhook(name, identity.bundle):
            log.info("audit: caBundle of MutatingWebhookConfiguration %s was set", name)

    async def _kept(self) -> Identity:
        namespace, name = self._settings.namespace, self._settings.secret_name
        for _ in range(MOST_TRIES):
            secret = await self._cluster.secret(namespace, name)
            found = self._found(secret) if secret else None
            # Where somebody deleted or broke it, what is in force goes back: agents trust no other.
            before = found or self._identity
            wanted = kept(before, self._clock(), webhook_names(self._settings))
            if wanted == found:
                return wanted
            try:
                version = secret.version if secret else ""
                await self._cluster.write_secret(namespace, name, wanted.secret_data(), version)
                log.info("audit: certificates in Secret %s/%s were written", namespace, name)
                return wanted
            except client.ApiException as error:
                if error.status != CONFLICT:
                    raise
        raise TimeoutError(f"cannot keep Secret {namespace}/{name}: it changes all the time")

    def _found(self, secret: Secret) -> Identity | None:
        """None where it is broken, and the identity in force can take its place."""
        name = f"{self._settings.namespace}/{self._settings.secret_name}"
        try:
            found = Identity.of_secret(secret.data)
            found.expiries()  # reads each certificate
            return found
        except (KeyError, ValueError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            if self._identity is None:
                raise UnusableSecret(
                    f"cannot use Secret {name}: {why}; restore it, or delete it: then a new CA is "
                    "made, which no running agent trusts, and each of their pods must be made anew"
                ) from error
            log.warning("Secret %s is written anew: %s", name, why)
            return None


def webhook_names(settings: Settings) -> Sequence[str]:
    """What the API server calls the webhook."""
    host = f"{settings.webhook_service}.{settings.namespace}.svc"
    return (host, f"{host}.cluster.local")
