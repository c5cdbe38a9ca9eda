"""The client of Prometheus against a real server: what it asks, reads and refuses."""

import gzip
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from hotupgrade_operator.allowed_hosts import AllowedHosts
from hotupgrade_operator.prometheus import MAX_BYTES, MOST_SERIES, NoAnswer, Prometheus
from tests.functional.launcher_process import free_port
from tests.functional.prometheus_server import PrometheusServer, prometheus_server, success, vector

AT = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "what only that server knows"


@asynccontextmanager
async def both(allowed: str = "127.0.0.1") -> AsyncIterator[tuple[PrometheusServer, Prometheus]]:
    async with prometheus_server() as server:
        client = Prometheus(AllowedHosts.parse(allowed))
        try:
            yield server, client
        finally:
            await client.close()


async def test_asks_the_query_at_the_time_that_is_given() -> None:
    async with both() as (server, client):
        server.body = vector("0.5")
        assert await client.query(server.address, 'sum(up{pod=~"a|b"})', AT) == (0.5,)
        assert await client.query(f"{server.address}/prefix/", "up", AT) == (0.5,)
        assert server.asked[0] == {
            "query": 'sum(up{pod=~"a|b"})',
            "time": "1767225600.000",
            "timeout": "10s",
        }


@pytest.mark.parametrize(
    ("body", "samples"),
    [
        (vector(), ()),
        (vector("1", "2.5"), (1.0, 2.5)),
        (vector("+Inf", "-Inf"), (math.inf, -math.inf)),
        (success("scalar", [0, "3"]), (3.0,)),
    ],
)
async def test_reads_vectors_and_scalars(body: bytes, samples: tuple[float, ...]) -> None:
    async with both() as (server, client):
        server.body = body
        assert await client.query(server.address, "up", AT) == samples


async def test_reads_what_is_no_number() -> None:
    async with both() as (server, client):
        server.body = vector("NaN")
        (sample,) = await client.query(server.address, "up", AT)
        assert math.isnan(sample)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (
            400,
            b'{"status": "error", "errorType": "bad_data", "error": "%s"}',
            "400, it cannot read the query",
        ),
        (400, b'{"status": "error", "errorType": "%s"}', "status 400, which is no result"),
        (503, b"%s", "status 503, which is no result"),
        (200, b"%s", "status 200, which is no result"),
        (200, b'{"status": "%s"}', "which is no result"),
        (302, b"", "status 302, and redirects are not followed"),
        (200, success("matrix", [{"metric": {}, "values": []}]), "a matrix, and a vector"),
        (200, success("string", [0, SECRET]), "a string, and a vector"),
        (200, success(SECRET, []), "a something else, and a vector"),
        (200, vector(SECRET), "samples that are no numbers"),
        (200, success("vector", [{"metric": {}, "histogram": [0, {}]}]), "no numbers"),
        (200, success("scalar", {}), "no numbers"),
        (200, vector(*["1"] * (MOST_SERIES + 1)), f"{MOST_SERIES} at most: aggregate"),
        (200, b" " * (MAX_BYTES + 1), f"more than {MAX_BYTES} bytes"),
    ],
)
async def test_says_what_is_wrong_and_nothing_of_what_was_answered(
    status: int, body: bytes, why: str
) -> None:
    async with both() as (server, client):
        server.status, server.body = status, body.replace(b"%s", SECRET.encode())
        server.headers = {"Location": "/prefix/api/v1/query"} if status == 302 else {}
        with pytest.raises(NoAnswer) as caught:
            await client.query(server.address, "up", AT)
    assert why in str(caught.value)
    assert server.address in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(server.asked) == 1


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with both() as (server, client):
        server.headers, server.body = {"Content-Encoding": "gzip"}, gzip.compress(vector("1"))
        with pytest.raises(NoAnswer, match="no result of a query"):
            await client.query(server.address, "up", AT)


async def test_a_server_that_does_not_answer_is_told_of() -> None:
    async with both() as (_, client):
        with pytest.raises(NoAnswer, match=r"cannot ask .*: Connection refused"):
            await client.query(f"http://127.0.0.1:{free_port()}", "up", AT)


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("*", "127.0.0.1"),
        ("*", "localhost"),
        ("*", "127.1"),
        ("*", "2130706433"),
        ("", "localhost"),
    ],
)
async def test_a_host_that_may_not_be_asked_is_not_even_connected(allowed: str, host: str) -> None:
    async with both(allowed) as (server, client):
        with pytest.raises(NoAnswer, match=r"loopback is refused|not among the hosts|InvalidUrl"):
            await client.query(f"http://{host}:{server.port}", "up", AT)
        assert server.asked == []


async def test_a_name_may_be_asked_where_the_setting_names_it() -> None:
    async with both("localhost") as (server, client):
        server.body = vector("1")
        assert await client.query(f"http://localhost:{server.port}", "up", AT) == (1.0,)
