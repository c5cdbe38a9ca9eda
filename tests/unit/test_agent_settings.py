"""What the agent starts with, and what it cannot start with."""

import pytest

from hotupgrade_agent.settings import Settings, SettingsError
from hotupgrade_api import pod_layout as layout
from hotupgrade_api.resource import Health, HttpGet

NEEDED = {
    layout.ENV_POD_NAME: "web-1",
    layout.ENV_POD_NAMESPACE: "default",
    layout.ENV_POD_UID: "uid",
    layout.ENV_CA_BUNDLE: "PEM",
}


def health(raw: str) -> Settings:
    return Settings.from_environment({**NEEDED, layout.ENV_DEFAULT_HEALTH: raw})


def test_templates_probe_is_read() -> None:
    raw = '{"health": {"httpGet": {"port": 80}, "timeoutSeconds": 5}}'
    expected = Health(http_get=HttpGet(port=80), timeout_seconds=5)
    assert health(raw).default_health.health == expected


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ('{"health": {"httpGet": {"port": 80, "path": "health"}}}', "path"),
        ('{"health": {"httpGet": {"port": 80}, "timeoutSeconds": 300}}', "timeoutSeconds"),
        ("no JSON", "malformed"),
    ],
)
def test_probe_that_cannot_be_read_does_not_keep_the_agent_from_starting(
    raw: str, named: str
) -> None:
    default = health(raw).default_health
    assert default.health is None
    assert named in default.error


@pytest.mark.parametrize("name", NEEDED)
def test_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({key: value for key, value in NEEDED.items() if key != name})
