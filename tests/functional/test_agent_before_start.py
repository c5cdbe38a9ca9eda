"""What ends an upgrade before a process is started, and what the agent does to get that far."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.agent_process import Artifacts, Pod, revision
from tests.functional.launcher_process import free_port, go_server, listens, until


@contextmanager
def running(directory: Path, **env: str) -> Iterator[Pod]:
    port = free_port()
    with Pod(directory, [str(go_server("v1")), f"127.0.0.1:{port}"], env=env) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        yield pod


@pytest.mark.parametrize("more", [{"revision": "r2"}, {"revision": "image"}, {"artifact": None}])
def test_artifact_under_anothers_id_is_refused(more: dict[str, Any], tmp_path: Path) -> None:
    file = go_server("v2")
    more = {"revision": revision(file), **more}
    with Artifacts({"v2": file}) as artifacts, running(tmp_path) as pod:
        command = {
            **pod.target("", "u-r2"),
            "artifact": artifact(f"{artifacts.url}/v2", file),
            **more,
        }
        status, answer = pod.request("PUT", "/v1/upgrade", command)
        assert (status, answer["code"]) == (400, "Invalid")
        assert "progress" not in pod.status()


def test_artifact_that_cannot_be_honoured_is_not_fetched(tmp_path: Path) -> None:
    file = go_server("v2")
    with Artifacts({"v2": file}) as artifacts, running(tmp_path) as pod:
        signed = {
            **artifact(f"{artifacts.url}/v2", file),
            "signature": {"cosign": {"key": "cosign.pub"}},
        }
        pod.upgrade("r2", "", file, artifact=signed)
        progress = pod.finished("u-r2")
        assert (progress["state"], progress["reason"]) == ("failed", "Unsupported"), progress
        assert "artifact.signature" in progress["message"]
        assert not any((tmp_path / "store/blobs").iterdir())


def test_revision_of_another_image_starts_no_process(tmp_path: Path) -> None:
    file = go_server("v2")
    with Artifacts({"v2": file}) as artifacts, running(tmp_path) as pod:
        pod.upgrade("r2", f"{artifacts.url}/v2", file, expectedBase={"image": "app:2"})
        progress = pod.finished("u-r2")
        assert (progress["state"], progress["reason"]) == ("failed", "Superseded"), progress
        assert len(pod.launcher.status()["generations"]) == 1


def test_upgrade_that_relies_on_a_probe_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    file, probe = go_server("v2"), {"health": {"httpGet": {"port": 0}}}
    env = {"HOTUPGRADE_DEFAULT_HEALTH": json.dumps(probe)}
    with Artifacts({"v2": file}) as artifacts, running(tmp_path, **env) as pod:
        pod.upgrade("r2", f"{artifacts.url}/v2", file)
        progress = pod.finished("u-r2")
        assert (progress["state"], progress["reason"]) == ("failed", "Unsupported"), progress
        assert "readiness probe" in progress["message"]
        port = int(pod.command[1].rpartition(":")[2])
        own = {"httpGet": {"port": port, "path": "/ready"}, "periodSeconds": 0.1}
        pod.upgrade("r4", f"{artifacts.url}/v2", file, health=own)
        assert pod.finished("u-r4")["state"] == "committed"


def test_store_makes_room_for_the_next_by_dropping_what_was_rejected(tmp_path: Path) -> None:
    bad = {name: padded(tmp_path / name, go_server("v3", "exit"), name) for name in ("b1", "b2")}
    good = padded(tmp_path / "good", go_server("v2"), "good")
    (tmp_path / "pod").mkdir()
    # Of the launcher, and of one artifact and a half.
    room = (go_server("v2").stat().st_size + PADDING) * 3 // 2
    env = {"HOTUPGRADE_STORE_LIMIT_BYTES": str(room * 10 // 8)}
    with Artifacts({**bad, "good": good}) as artifacts, running(tmp_path / "pod", **env) as pod:
        for name, file in bad.items():
            pod.upgrade(name, f"{artifacts.url}/{name}", file)
            progress = pod.finished(f"u-{name}")
            assert progress["reason"] == "ProcessExited", progress
        pod.upgrade("good", f"{artifacts.url}/good", good)
        progress = pod.finished("u-good")
        assert progress["state"] == "committed", progress
        pod.upgrade("b1", f"{artifacts.url}/b1", bad["b1"], id="again")
        progress = pod.finished("again")
        assert progress["reason"] == "StoreFull", "what serves is not dropped"
        assert pod.status()["committedRevision"] == revision(good)


PADDING = 4 << 20


def padded(target: Path, file: Path, salt: str) -> Path:
    """The same program with another digest: what follows an ELF file's sections is not read."""
    target.write_bytes(file.read_bytes() + salt.encode().ljust(PADDING, b"\0"))
    target.chmod(0o755)
    return target


def artifact(url: str, file: Path) -> dict[str, Any]:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"source": {"http": {"url": url}}, "sha256": sha256}
