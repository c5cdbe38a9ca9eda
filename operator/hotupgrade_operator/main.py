"""The console script `hotupgrade-operator`."""

import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime

import kopf
from kubernetes.aio import client, config

from hotupgrade_operator import handlers
from hotupgrade_operator.agents import Agents
from hotupgrade_operator.certificates import Identity, make_identity
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.reconcile import Reconciler
from hotupgrade_operator.settings import Settings, SettingsError


async def identity_of(cluster: Cluster, settings: Settings) -> Identity:
    """The Secret's, made where there is none yet; of two that make one the first wins."""
    for _ in range(2):
        found = await cluster.secret(settings.namespace, settings.secret_name)
        if found is not None:
            return Identity.of_secret(found)
        made = make_identity(datetime.now(UTC))
        try:
            await cluster.create_secret(
                settings.namespace, settings.secret_name, made.secret_data()
            )
        except client.ApiException as error:
            if error.status != 409:
                raise
    raise RuntimeError("cannot keep the CA: its Secret is neither there nor can it be made")


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await config.load_config()  # type: ignore[no-untyped-call]
    async with client.ApiClient() as api:
        cluster = Cluster(api)
        identity = await identity_of(cluster, settings)
        agents = Agents(identity, cluster, settings.agent_port)
        reconciler = Reconciler(cluster, agents)
        registry = kopf.OperatorRegistry()
        handlers.register(registry, reconciler)
        try:
            await kopf.operator(
                registry=registry, standalone=True, clusterwide=True, stop_flag=stop
            )
        finally:
            await reconciler.stop()
            await agents.close()


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(run(Settings.from_environment()))
    except SettingsError as error:
        sys.exit(f"hotupgrade-operator: {error}")


if __name__ == "__main__":
    main()
