"""IO: who of the replicas reconciles: the client library's election on a coordination.k8s.io Lease.

A network that fails must look to it like an API server that fails: for that it knows how to wait.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

# As in client-go: 15 s until another may take over, 10 s until a leader gives up by itself.
LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS = 15, 10, 2
CALL_SECONDS = 5.0
Found = tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]


class _Lock(LeaseLock):
    async def get(self, name: str, namespace: str) -> Found:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await super().get(name, namespace)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return False, client.ApiException(status=0, reason=str(error) or "no answer")

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        return await self._tried(self._create(namespace, election_record))

    async def _create(self, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """In the library's place: 37.0 passes an argument that its own client refuses."""
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name=self.name), spec=self.update_lease(election_record)
        )
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except client.ApiException:
            return False  # another was first
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        return await self._tried(super().update(name, namespace, updated_record))

    @staticmethod
    async def _tried(call: Coroutine[Any, Any, bool]) -> bool:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await call
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def release(self, namespace: str) -> None:
        """Lets another take over at once. Nothing is lost where this fails: the Lease runs out."""
        found, record = await self.get(self.name, namespace)
        if not found or not isinstance(record, LeaderElectionRecord):
            return
        if record.holder_identity == self.identity:
            await self._tried(self._give_up(namespace))

    async def _give_up(self, namespace: str) -> bool:
        lease = self.lease_reference
        if lease is None or lease.spec is None:
            return False
        lease.spec.holder_identity = None
        try:
            await self.api_instance.replace_namespaced_lease(self.name, namespace, lease)
        except client.ApiException:
            return False
        return True


class Lease:
    def __init__(self, api: client.ApiClient, name: str, namespace: str, holder: str) -> None:
        self._lock = _Lock(name, namespace, holder, api)
        self._namespace = namespace

    async def lead(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Waits for the Lease, then runs work until that ends or the Lease is lost.

        Raises what work raised. The Lease is released where it is still held.
        """
        led = asyncio.Event()

        async def leads() -> None:
            led.set()
            await asyncio.Event().wait()  # the election cancels it when the Lease is lost

        async def lost() -> None:
            led.clear()

        config = Config(self._lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, leads, lost)
        election = asyncio.create_task(LeaderElection(config).run())
        begin = asyncio.create_task(led.wait())
        tasks: list[asyncio.Task[Any]] = [election, begin]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if begin.done():
                worker = asyncio.create_task(work())
                tasks.append(worker)
                await asyncio.wait([election, worker], return_when=asyncio.FIRST_COMPLETED)
        finally:
            held = led.is_set() and not election.done()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            if held:
                await self._lock.release(self._namespace)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
