"""Where kopf finds the API server."""

import pytest

from hotupgrade_operator.login import in_cluster


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
)
def test_address_that_the_kubelet_gives_is_used(host: str, expected: str) -> None:
    env = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster(env, "https://by.name") == expected


def test_without_it_the_name_stays() -> None:
    assert in_cluster({}, "https://by.name") == "https://by.name"
