"""The operator's Secret: what is in force goes back where somebody deleted or broke it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from kubernetes.aio import client

from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.trust import Trust, UnusableSecret
from tests.functional.operator_parts import embedded_api, settings

NAME = "hotupgrade-ca"


@asynccontextmanager
async def started() -> AsyncIterator[tuple[ApiServer, Trust, client.ApiClient]]:
    async with embedded_api() as (server, api):
        trust = replica(api)
        await trust.refresh()
        yield server, trust, api


def replica(api: client.ApiClient) -> Trust:
    return Trust(Cluster(api), settings(), lambda: datetime.now(UTC))


def ca_in(server: ApiServer) -> bytes:
    secret = server.get("secrets", "system", NAME)
    assert secret is not None
    return base64.b64decode(secret["data"]["ca.crt"])


async def change(server: ApiServer, key: str, value: str | None) -> None:
    secret = server.get("secrets", "system", NAME)
    assert secret is not None
    data = {k: v for k, v in {**secret["data"], key: value}.items() if v is not None}
    await server.put(kind_of("secrets"), "system", {**secret, "data": data})


async def test_deleted_secret_is_written_back_not_made_anew() -> None:
    async with started() as (server, trust, api):
        before = trust.identity
        await client.CoreV1Api(api).delete_namespaced_secret(NAME, "system")
        assert server.get("secrets", "system", NAME) is None
        await trust.refresh()
        assert trust.identity == before
        assert ca_in(server) == before.ca


@pytest.mark.parametrize("value", [None, base64.b64encode(b"nonsense").decode()])
async def test_broken_secret_is_written_anew_by_who_has_it_and_refused_by_who_starts(
    value: str | None,
) -> None:
    async with started() as (server, trust, api):
        before = trust.identity
        await change(server, "ca.crt", value)
        with pytest.raises(UnusableSecret, match="no running agent trusts"):
            await replica(api).refresh()
        await trust.refresh()
        assert trust.identity == before
        assert ca_in(server) == before.ca


async def test_identity_that_another_replica_wrote_is_taken_over() -> None:
    async with started() as (_, trust, api):
        other = replica(api)
        await other.refresh()
        assert other.identity == trust.identity
