"""Tries whether the host of an artifact can be reached, before anything is fetched."""

import asyncio

from hotupgrade_agent.store import Store
from hotupgrade_api.artifact_host import host_of
from hotupgrade_api.resource import Artifact

SECONDS = 5.0


async def try_host(artifact: Artifact, store: Store) -> str:
    """What is wrong; empty where nothing is, or where the artifact lies on the store already."""
    host = host_of(artifact)
    if host is None or (artifact.sha256 and store.holds(artifact.sha256)):
        return ""
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host.name, host.port)
    except (OSError, TimeoutError) as error:
        return f"cannot connect to {host}: {str(error) or type(error).__name__}"
    writer.close()
    return ""
