"""What the dark probe takes for healthy."""

import pytest

from hotupgrade_agent.probe import judge
from hotupgrade_api.resource import Expect

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
