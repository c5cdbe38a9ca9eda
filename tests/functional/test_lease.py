"""One of two replicas leads; the other takes over when that one ends, or says that it ends."""

import asyncio

import pytest
from kubernetes.aio import client

from hotupgrade_operator.lease import Lease
from tests.functional.operator_parts import embedded_api, until


class Replica:
    def __init__(self, api: client.ApiClient, holder: str) -> None:
        self.leads = asyncio.Event()
        self.fails = asyncio.Event()
        self.task = asyncio.create_task(Lease(api, "lease", "system", holder).lead(self._work))

    async def _work(self) -> None:
        self.leads.set()
        try:
            await self.fails.wait()
            raise ValueError("the work failed")
        finally:
            self.leads.clear()


async def test_second_replica_waits_and_takes_over_when_the_first_ends() -> None:
    async with embedded_api() as (server, api):
        first = Replica(api, "a")
        await until(first.leads.is_set)
        second = Replica(api, "b")
        await asyncio.sleep(0)
        assert not second.leads.is_set()
        first.task.cancel()
        await asyncio.gather(first.task, return_exceptions=True)
        assert not first.leads.is_set()
        await until(second.leads.is_set)
        lease = server.get("leases", "system", "lease")
        assert lease is not None
        assert lease["spec"]["holderIdentity"] == "b"
        second.task.cancel()
        await asyncio.gather(second.task, return_exceptions=True)


async def test_work_that_fails_ends_the_leader_and_releases_the_lease() -> None:
    async with embedded_api() as (server, api):
        replica = Replica(api, "a")
        await until(replica.leads.is_set)
        replica.fails.set()
        with pytest.raises(ValueError, match="the work failed"):
            await replica.task
        lease = server.get("leases", "system", "lease")
        assert lease is not None
        assert not lease["spec"].get("holderIdentity")
