"""What the dark probe takes for healthy."""

import pytest

from hotupgrade_agent.probe import judge, resolved
from hotupgrade_api.resource import Expect, Health, HttpGet, TcpSocket

UP = b'{"status": "UP", "db": {"ok": true, "lag": 3}}'


@pytest.mark.parametrize(
    ("expect", "status", "body", "why"),
    [
        (Expect(), 200, b"", ""),
        (Expect(), 399, b"", ""),
        (Expect(), 400, b"", "answered 400, expected 200 to 399"),
        (Expect(status=204), 204, b"", ""),
        (Expect(status=204), 200, b"", "answered 200, expected 204"),
        (Expect(json={"status": "UP"}), 200, UP, ""),
        (Expect(json={"status": "UP"}), 503, UP, "answered 503, expected 200 to 399"),
        (Expect(json={"status": "UP", "db.ok": True, "db.lag": 3}), 200, UP, ""),
        (Expect(json={"status": "DOWN"}), 200, UP, "status is 'UP', expected 'DOWN'"),
        (Expect(json={"db.missing": 1}), 200, UP, "db.missing is None, expected 1"),
        (Expect(json={"status.deeper": 1}), 200, UP, "status.deeper is None, expected 1"),
        (Expect(json={"status": "UP"}), 200, b"UP", "answered no JSON"),
        (Expect(json={"status": "UP"}), 200, b"[]", "status is None, expected 'UP'"),
    ],
)
def test_answer_is_judged(expect: Expect, status: int, body: bytes, why: str) -> None:
    assert judge(expect, status, body).why == why


GET, TCP = HttpGet(port=80), TcpSocket(port=81)


@pytest.mark.parametrize(
    ("wanted", "default", "probe"),
    [
        (Health(), None, Health()),
        (Health(), Health(http_get=GET), Health(http_get=GET)),
        (Health(), Health(tcp_socket=TCP), Health(tcp_socket=TCP)),
        (
            Health(),
            Health(http_get=GET, timeout_seconds=9),
            Health(http_get=GET, timeout_seconds=9),
        ),
        (
            Health(timeout_seconds=3),
            Health(http_get=GET, timeout_seconds=9),
            Health(http_get=GET, timeout_seconds=3),
        ),
        (Health(tcp_socket=TCP), Health(http_get=GET, timeout_seconds=9), Health(tcp_socket=TCP)),
        (
            Health(success_threshold=7, expect=Expect(status=204)),
            Health(http_get=GET, success_threshold=1),
            Health(http_get=GET, success_threshold=7, expect=Expect(status=204)),
        ),
    ],
)
def test_templates_probe_is_run_where_the_spec_names_none(
    wanted: Health, default: Health | None, probe: Health
) -> None:
    assert resolved(wanted, default) == probe
