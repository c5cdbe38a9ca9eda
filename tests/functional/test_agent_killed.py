"""The agent is SIGKILLed at each command that it sends to the launcher, before it is carried out
and after, and in the midst of a fetch: each upgrade ends right, once, and no request fails."""

from pathlib import Path

import pytest

from tests.functional.agent_process import Artifacts, HalfArtifact, Killing, Pod, revision
from tests.functional.launcher_process import Load, free_port, go_server, listens, until

COMMANDS = ("start", "weight", "promote")
MOMENTS = pytest.mark.parametrize("before", [True, False], ids=["before", "after"])


def command(port: int) -> list[str]:
    return [str(go_server("v1")), f"127.0.0.1:{port}"]


def health(port: int) -> dict[str, object]:
    get = {"path": "/health", "port": port}
    return {"httpGet": get, "expect": {"json": {"status": "UP"}}, "periodSeconds": 0.1}


@MOMENTS
@pytest.mark.parametrize("at", COMMANDS)
def test_good_upgrade_is_committed_once(at: str, before: bool, tmp_path: Path) -> None:
    port, seam = free_port(), Killing(at, before)
    file = go_server("v2")
    with Artifacts({"v2": file}) as artifacts, Pod(tmp_path, command(port), seam=seam) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        pod.upgrade("r2", f"{artifacts.url}/v2", file, health=health(port))
        progress = pod.finished("u-r2")
        report = load.stop()
        after = Load(f"http://127.0.0.1:{port}/", "-requests", "50").finish()
        assert seam.fired
        assert progress["state"] == "committed", progress
        assert pod.status()["committedRevision"] == revision(file)
        assert len(pod.launcher.status()["generations"]) == 2
    assert report["failed"] == 0, report
    assert set(after["versions"]) == {"v2"}


@MOMENTS
def test_bad_upgrade_is_taken_back(before: bool, tmp_path: Path) -> None:
    port, seam = free_port(), Killing("rollback", before)
    file = go_server("v3", "down")
    with Artifacts({"v3": file}) as artifacts, Pod(tmp_path, command(port), seam=seam) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        pod.upgrade("r3", f"{artifacts.url}/v3", file, health=health(port))
        progress = pod.finished("u-r3")
        report = load.stop()
        assert seam.fired
        assert (progress["state"], progress["reason"]) == ("failed", "ProbeFailed"), progress
        assert pod.status().get("committedRevision", "image") == "image"
    assert report["failed"] == 0, report
    assert set(report["versions"]) == {"v1"}


def test_half_a_fetch_is_begun_again(tmp_path: Path) -> None:
    port, file = free_port(), go_server("v2")
    with HalfArtifact(file) as artifact, Pod(tmp_path, command(port)) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        pod.upgrade("r2", artifact.url, file, health=health(port))
        assert artifact.asked.wait(30)
        pod.kill_python()
        artifact.go_on.set()
        progress = pod.finished("u-r2")
        assert progress["state"] == "committed", progress
        assert not list((tmp_path / "store").rglob("*.partial"))
