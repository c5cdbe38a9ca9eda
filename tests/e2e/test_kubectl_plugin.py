"""A person follows and steers an upgrade with `kubectl hotupgrade`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.e2e import manifests
from tests.e2e.artifacts import Artifacts
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask


def plugin(namespace: Namespace, *arguments: str, code: int = 0) -> str:
    """What it prints, errors too; kubectl finds it beside this Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["kubectl", "hotupgrade", *arguments, "--namespace", namespace.name],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def lint(file: Path) -> None:
    command = [str(Path(sys.executable).with_name("kubectl-hotupgrade")), "lint", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_upgrade_is_linted_followed_promoted_and_undone(
    namespace: Namespace, artifacts: Artifacts, tmp_path: Path
) -> None:
    workload = Workload(namespace, "web", GO)
    wanted = workload.hot_upgrade(artifacts.spec("v2", "v2"))
    wanted["spec"]["strategy"]["steps"] = [{"setPods": 1}, {"pause": {}}]
    file = tmp_path / "web.json"
    deployment = manifests.deployment("web", GO, workload.options)
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [deployment, wanted]}))
    lint(file)
    assert "no upgrade is under way" in plugin(namespace, "promote", "web", code=1)
    namespace.apply(wanted)
    namespace.until(
        "a pause that is shown",
        lambda: "now   pause until promote" in plugin(namespace, "status", "web"),
    )
    shown = plugin(namespace, "status", "web", "--processes")
    assert ("1 process," in shown, "2 processes," in shown) == (True, True), shown
    assert "2 pods, 1 updated, 2 ready" in shown, shown
    assert all(pod.name in shown for pod in workload.pods()), shown
    print(shown)
    assert "promote is done" in plugin(namespace, "promote", "web")
    workload.until_ready("Upgraded")
    assert [ask(pod) for pod in workload.pods()] == ["v2", "v2"]
    print(plugin(namespace, "list"), plugin(namespace, "history", "web"))
    print(plugin(namespace, "undo", "web"))
    namespace.until("v1 everywhere", lambda: {ask(pod) for pod in workload.pods()} == {"v1"})
    assert "Rejected" in plugin(namespace, "history", "web")
