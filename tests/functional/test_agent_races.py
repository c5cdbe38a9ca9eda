"""Commands that come in while the agent does something else: none is lost, none is done twice."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hotupgrade_agent.store import JOURNAL
from tests.functional.agent_process import Artifacts, Gate, HalfArtifact, Pod
from tests.functional.launcher_process import free_port, go_server, listens, until


def command(port: int) -> list[str]:
    return [str(go_server("v1")), f"127.0.0.1:{port}"]


def journalled(directory: Path, state: str) -> bool:
    """What the agent will do, asked of nobody who might have to wait."""
    path = directory / "store" / JOURNAL
    return path.exists() and json.loads(path.read_bytes())["progress"]["state"] == state


def test_one_of_two_commands_at_the_same_time_is_refused(tmp_path: Path) -> None:
    port, gate, file = free_port(), Gate("status"), go_server("v2")
    with (
        Artifacts({"v2": file}) as artifacts,
        Pod(tmp_path, command(port), seam=gate) as pod,
        ThreadPoolExecutor() as threads,
    ):
        until("the server listens", lambda: listens("127.0.0.1", port))
        gate.opened.clear()
        url = f"{artifacts.url}/v2"
        asked = [threads.submit(pod.upgrade, name, url, file) for name in ("r2", "r4")]
        until("both have asked the launcher", lambda: gate.waiting >= len(asked))
        gate.opened.set()
        answers = {future.result()[0]: future.result()[1] for future in asked}
        assert set(answers) == {202, 409}
        assert answers[409]["code"] == "Busy"
        assert pod.finished(answers[202]["progress"]["id"])["state"] == "committed"
        assert len(pod.launcher.status()["generations"]) == 2


def test_rollback_before_the_start_starts_nothing(tmp_path: Path) -> None:
    port, gate, file = free_port(), Gate("status"), go_server("v2")
    with HalfArtifact(file) as artifact, Pod(tmp_path, command(port), seam=gate) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        pod.upgrade("r2", artifact.url, file)
        assert artifact.asked.wait(30)
        gate.opened.clear()
        artifact.go_on.set()
        until("it is to be started", lambda: journalled(tmp_path, "staged"))
        until("the launcher is asked", lambda: gate.waiting)
        target = pod.target("r2", "u-r2")
        asking = threading.Thread(target=pod.request, args=("POST", "/v1/rollback", target))
        asking.start()
        until("it is to be taken back", lambda: journalled(tmp_path, "rollingBack"))
        gate.opened.set()
        asking.join()
        progress = pod.finished("u-r2")
        assert (progress["state"], progress["reason"]) == ("failed", "Requested"), progress
        assert len(pod.launcher.status()["generations"]) == 1


def test_rollback_ends_a_fetch_that_makes_no_headway(tmp_path: Path) -> None:
    port, file = free_port(), go_server("v2")
    with HalfArtifact(file) as artifact, Pod(tmp_path, command(port)) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        pod.upgrade("r2", artifact.url, file)
        assert artifact.asked.wait(30)
        assert pod.request("POST", "/v1/rollback", pod.target("r2", "u-r2"))[0] == 200
        progress = pod.finished("u-r2")
        assert not artifact.go_on.is_set(), "the source still keeps it waiting"
        assert (progress["state"], progress["reason"]) == ("failed", "Requested"), progress
        assert not list((tmp_path / "store").rglob("*.partial"))
        artifact.go_on.set()
        pod.upgrade("r4", artifact.url, file)
        assert pod.finished("u-r4")["state"] == "committed"


def test_rollback_does_not_wait_for_a_process_that_never_listens(tmp_path: Path) -> None:
    port, gate, file = free_port(), Gate("wait"), go_server("v3", "silent")
    with Artifacts({"v3": file}) as artifacts, Pod(tmp_path, command(port), seam=gate) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        gate.opened.clear()
        pod.upgrade("r3", f"{artifacts.url}/v3", file, handoff={"readyTimeoutSeconds": 60})
        until("the agent waits for the launcher", lambda: gate.waiting)
        assert pod.request("POST", "/v1/rollback", pod.target("r3", "u-r3"))[0] == 200
        progress = pod.finished("u-r3")
        assert (progress["state"], progress["reason"]) == ("failed", "Requested"), progress
        assert not gate.forced
        gate.opened.set()
