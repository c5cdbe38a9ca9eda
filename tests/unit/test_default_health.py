"""A readiness probe as a dark probe: whatever it is, the agent can read what becomes of it."""

from typing import Any

import msgspec
import pytest

from hotupgrade_api.resource import Health, HttpGet, TcpSocket
from hotupgrade_operator.default_health import default_health

PORTS = [{"name": "http", "containerPort": 8080}]


def of(probe: dict[str, Any] | None) -> Health | None:
    return default_health({"name": "web", "readinessProbe": probe, "ports": PORTS}).health


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ({"httpGet": {"path": "/health", "port": "http"}}, HttpGet(path="/health", port=8080)),
        ({"httpGet": {"path": "health", "port": 8080}}, HttpGet(path="/health", port=8080)),
        ({"httpGet": {"port": "8080"}}, HttpGet(path="/", port=8080)),
        (
            {"httpGet": {"port": 1, "httpHeaders": [{"name": "Host", "value": "a"}]}},
            HttpGet(port=1, headers={"Host": "a"}),
        ),
    ],
)
def test_http_probe_is_asked_of_the_new_process(probe: dict[str, Any], expected: HttpGet) -> None:
    found = of(probe)
    assert found is not None
    assert found.http_get == expected


def test_tcp_probe_is_a_connection_to_its_port() -> None:
    found = of({"tcpSocket": {"port": "http"}})
    assert found is not None
    assert found.tcp_socket == TcpSocket(port=8080)


@pytest.mark.parametrize(("seconds", "expected"), [(5, 5), (3600, 60), (0, 1)])
def test_time_out_is_within_what_an_agent_takes(seconds: int, expected: int) -> None:
    found = of({"tcpSocket": {"port": 1}, "timeoutSeconds": seconds})
    assert found is not None
    assert found.timeout_seconds == expected
    assert msgspec.json.decode(msgspec.json.encode(found), type=Health) == found


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        (None, "no readiness probe"),
        ({"exec": {"command": ["true"]}}, "of kind exec"),
        ({"grpc": {"port": 1}}, "of kind grpc"),
        ({"httpGet": {"port": "another"}}, "'another' is none of the container's"),
        ({"httpGet": {"port": 80, "host": "10.0.0.1"}}, "asks 10.0.0.1"),
        ({"httpGet": {"port": 15020, "path": "/app-health/web/readyz"}}, "asks istio-proxy"),
        ({"tcpSocket": {"port": 70000}}, "cannot use the readiness probe"),
        ({"httpGet": {"port": 80, "scheme": "FTP"}}, "cannot use the readiness probe"),
    ],
)
def test_what_one_process_cannot_be_asked_is_said_not_left_out_in_silence(
    probe: dict[str, Any] | None, why: str
) -> None:
    found = default_health({"name": "web", "readinessProbe": probe, "ports": PORTS})
    assert found.health is None
    assert why in found.note
    assert "spec.health" in found.note
