"""In CI a test that should have run and was skipped is a failure."""

import os
import signal

import pytest


def pytest_configure() -> None:
    """A shell has its background jobs ignore these, and what a test starts would inherit that. In a
    container nothing does."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None:
        skipped = [*reporter.stats.get("skipped", []), *reporter.stats.get("xfailed", [])]
        if skipped:
            print(f"\n{len(skipped)} skipped in CI: each should have run")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
