"""An agent tries the host of an artifact without fetching it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.agent_process import POD_UID, Artifacts, Pod
from tests.functional.launcher_process import free_port, go_server


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with Pod(tmp_path, [str(go_server("v1")), f"127.0.0.1:{free_port()}"]) as found:
        yield found


def reach(pod: Pod, url: str, sha256: str = "0" * 64, pod_uid: str = POD_UID) -> tuple[int, Any]:
    artifact = {"source": {"http": {"url": url}}, "sha256": sha256}
    return pod.request("POST", "/v1/reach", {"podUid": pod_uid, "artifact": artifact})


def test_host_that_accepts_a_connection_is_reached_whatever_it_serves(pod: Pod) -> None:
    with Artifacts({}) as host:
        assert reach(pod, f"{host.url}/missing") == (200, {})


def test_host_that_refuses_is_not_and_the_answer_says_why(pod: Pod) -> None:
    url = f"http://127.0.0.1:{free_port()}/x"
    status, answer = reach(pod, url)
    assert status == 200
    assert answer["error"].startswith("cannot connect to 127.0.0.1:")


def test_staged_artifact_needs_no_host(pod: Pod) -> None:
    file = go_server("v2")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    with Artifacts({"v2": file}) as host:
        pod.upgrade("r2", f"{host.url}/v2", file)
        assert pod.finished("u-r2")["state"] == "committed"
    assert reach(pod, f"http://127.0.0.1:{free_port()}/v2", sha256) == (200, {})


def test_another_pods_agent_tries_nothing(pod: Pod) -> None:
    assert reach(pod, "http://127.0.0.1:1/x", pod_uid="another")[0] == 409
