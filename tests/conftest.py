"""In CI a test that should have run and was skipped is a failure."""

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None:
        skipped = [*reporter.stats.get("skipped", []), *reporter.stats.get("xfailed", [])]
        if skipped:
            print(f"\n{len(skipped)} skipped in CI: each should have run")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
