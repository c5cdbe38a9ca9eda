"""The demo is the whole way: operator, API, agents, launchers, servers, load."""

import subprocess
import sys


def test_demo_upgrades_every_pod_takes_a_bad_version_back_and_fails_no_request() -> None:
    command = [sys.executable, "-m", "hotupgrade_demo.main", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed: 0" in done.stdout
    assert "every pod serves: v2, v2, v2" in done.stdout
    assert "expected 'UP'" in done.stdout.replace("\n", " ")
