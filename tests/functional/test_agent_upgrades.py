"""A real agent drives a real launcher with a real server, over mutual TLS."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.agent_process import POD_UID, Artifacts, Pod, revision
from tests.functional.launcher_process import Load, free_port, go_server, listens, until

JSON_UP = {"expect": {"json": {"status": "UP"}}, "periodSeconds": 0.1}


@pytest.fixture
def artifacts() -> Iterator[Artifacts]:
    files = {"v2": go_server("v2")}
    for behaviour in ("exit", "silent", "down", "crash"):
        files[behaviour] = go_server("v3", behaviour)
    with Artifacts(files) as server:
        yield server


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    port = free_port()
    with Pod(tmp_path, [str(go_server("v1")), f"127.0.0.1:{port}"]) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        pod.app_port = port  # type: ignore[attr-defined]
        yield pod


def app(pod: Pod) -> str:
    return f"http://127.0.0.1:{pod.app_port}/"  # type: ignore[attr-defined]


def health(pod: Pod) -> dict[str, object]:
    return {"httpGet": {"path": "/health", "port": pod.app_port}, **JSON_UP}  # type: ignore[attr-defined]


def test_upgrade_is_committed_and_fails_no_request(pod: Pod, artifacts: Artifacts) -> None:
    load = Load(app(pod))
    status, _ = pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), health=health(pod))
    assert status == 202
    progress = pod.finished("u-r2")
    report = load.stop()
    after = Load(app(pod), "-requests", "50").finish()
    assert progress["state"] == "committed", progress
    assert report["failed"] == 0, report
    assert set(after["versions"]) == {"v2"}
    assert pod.status()["committedRevision"] == revision(go_server("v2"))
    again, _ = pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), health=health(pod))
    assert again == 200
    assert len(pod.launcher.status()["generations"]) == 2


def test_crashed_app_comes_back_as_what_was_committed(pod: Pod, artifacts: Artifacts) -> None:
    pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"))
    assert pod.finished("u-r2")["state"] == "committed"
    pod.launcher.__exit__()
    pod.launcher.__enter__()
    until("the server listens", lambda: listens("127.0.0.1", int(app(pod).split(":")[2][:-1])))
    after = Load(app(pod), "-requests", "50").finish()
    assert set(after["versions"]) == {"v2"}
    assert pod.status()["revision"] == revision(go_server("v2"))


def test_image_that_superseded_a_revision_can_be_committed(pod: Pod, artifacts: Artifacts) -> None:
    file = go_server("v2")
    pod.upgrade("r2", f"{artifacts.url}/v2", file)
    assert pod.finished("u-r2")["state"] == "committed"
    pod.launcher.__exit__()
    pod.launcher.env = {**(pod.launcher.env or {}), "HOTUPGRADE_IMAGE": "app:2"}
    pod.launcher.__enter__()
    before = until(
        "the launcher says so", lambda: s if (s := pod.status()).get("superseded") else 0
    )
    assert before["committedRevision"] == revision(file)
    command = {**pod.target("image", "u-image"), "handoff": {"rollbackWindowSeconds": 0}}
    assert pod.request("PUT", "/v1/upgrade", command)[0] == 202
    assert pod.finished("u-image")["state"] == "committed"
    assert pod.status().get("committedRevision", "image") == "image"
    assert len(pod.launcher.status()["generations"]) == 1


@pytest.mark.parametrize(
    ("artifact", "reason"),
    [
        ("wrong-digest", "DigestMismatch"),
        ("missing", "FetchFailed"),
        ("exit", "ProcessExited"),
        ("silent", "NotReady"),
        ("down", "ProbeFailed"),
        ("crash", "ProcessExited"),
    ],
)
def test_bad_artifact_leaves_the_old_version_serving(
    artifact: str, reason: str, pod: Pod, artifacts: Artifacts
) -> None:
    behaviour = artifact if artifact in ("exit", "silent", "down", "crash") else ""
    file = go_server("v3", behaviour) if behaviour else go_server("v1")
    name = "v2" if artifact == "wrong-digest" else artifact
    load = Load(app(pod))
    pod.upgrade("r3", f"{artifacts.url}/{name}", file, health=health(pod))
    progress = pod.finished("u-r3")
    report = load.stop()
    after = Load(app(pod), "-requests", "50").finish()
    assert (progress["state"], progress["reason"]) == ("failed", reason), progress
    assert progress["message"]
    assert report["failed"] == 0, report
    assert set(after["versions"]) == {"v1"}
    assert pod.status().get("committedRevision", "image") == "image"


@pytest.mark.parametrize("kills", [3])
def test_agent_killed_during_an_upgrade_goes_on(kills: int, pod: Pod, artifacts: Artifacts) -> None:
    load = Load(app(pod))
    pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), health=health(pod))
    for _ in range(kills):
        pod.kill_python()
        until("the agent answers", pod.reachable, 30)
    progress = pod.finished("u-r2")
    report = load.stop()
    assert progress["state"] == "committed", progress
    assert report["failed"] == 0, report
    assert len(pod.launcher.status()["generations"]) == 2


def test_hold_waits_for_promote_and_rollback_takes_back(pod: Pod, artifacts: Artifacts) -> None:
    def state(wanted: str) -> bool:
        return bool(pod.status()["progress"]["state"] == wanted)

    pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), hold=True)
    until("hold", lambda: state("holding"))
    assert set(Load(app(pod), "-requests", "50").finish()["versions"]) == {"v1"}
    assert pod.request("POST", "/v1/rollback", pod.target("r2", "u-r2"))[0] == 200
    assert pod.finished("u-r2")["reason"] == "Requested"
    pod.upgrade("r4", f"{artifacts.url}/v2", go_server("v2"), hold=True)
    until("hold", lambda: state("holding"))
    assert pod.request("POST", "/v1/promote", pod.target("r4", "u-r4"))[0] == 200
    assert pod.finished("u-r4")["state"] == "committed"


@pytest.mark.parametrize("weight", [0, 30, 100])
def test_held_upgrade_gets_the_share_that_is_asked_for(
    weight: int, pod: Pod, artifacts: Artifacts
) -> None:
    def at(wanted: int) -> bool:
        progress = pod.status()["progress"]
        return bool(progress["state"] == "holding" and progress.get("weight", 0) == wanted)

    early = {**pod.target("r2", "u-r2"), "weight": 10}
    assert pod.request("PUT", "/v1/weight", early)[0] == 409
    pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), hold=True, health=health(pod))
    until("hold", lambda: at(0))
    body = {**pod.target("r2", "u-r2"), "weight": weight}
    assert pod.request("PUT", "/v1/weight", body)[0] == 200
    until("the weight", lambda: at(weight))
    pod.kill_python()
    until("the agent answers", pod.reachable, 30)
    assert at(weight)
    report = Load(app(pod), "-requests", "2000").finish()
    assert report["failed"] == 0, report
    share = 100 * report["versions"].get("v2", 0) / 2000
    bound = 5 * (weight * (100 - weight) / 2000) ** 0.5  # five standard deviations
    assert abs(share - weight) <= bound, report
    assert pod.request("POST", "/v1/promote", pod.target("r2", "u-r2"))[0] == 200
    assert pod.finished("u-r2")["state"] == "committed"


def test_held_upgrade_that_sickens_is_taken_back(pod: Pod, artifacts: Artifacts) -> None:
    file = go_server("v3", "crash")
    pod.upgrade("r3", f"{artifacts.url}/crash", file, hold=True, health=health(pod))
    progress = pod.finished("u-r3")
    assert (progress["state"], progress["reason"]) == ("failed", "ProcessExited"), progress


def test_room_that_an_artifact_leaves_in_the_store_is_told(pod: Pod, artifacts: Artifacts) -> None:
    before = pod.status()["storeRoomBytes"]
    pod.upgrade("r2", f"{artifacts.url}/v2", go_server("v2"), health=health(pod))
    assert pod.finished("u-r2")["state"] == "committed"
    assert pod.status()["storeRoomBytes"] <= before - go_server("v2").stat().st_size


def test_command_for_another_pod_is_refused(pod: Pod, artifacts: Artifacts) -> None:
    file = go_server("v2")
    status, answer = pod.upgrade("r2", f"{artifacts.url}/v2", file, podUid="another")
    assert (status, answer["code"]) == (409, "WrongTarget")


def test_caller_without_the_operators_certificate_gets_nothing(tmp_path: Path) -> None:
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with Pod(tmp_path, command) as pod:
        (tmp_path / "other").mkdir()
        pod.operator_pem = stranger(tmp_path / "other")
        with pytest.raises((ssl.SSLError, OSError)):
            pod.request("GET", "/v1/status")


def stranger(directory: Path) -> Path:
    from hotupgrade_agent.certificate import make_pem

    path = directory / "stranger.pem"
    path.write_bytes(make_pem("hotupgrade-operator"))
    return path


def test_hot_upgrade_that_was_made_anew_takes_the_pod_over(pod: Pod, artifacts: Artifacts) -> None:
    file, anew = go_server("v2"), "another-uid"
    status, answer = pod.upgrade("r2", f"{artifacts.url}/v2", file, hotUpgradeUid=anew)
    assert (status, answer["code"]) == (409, "WrongTarget")
    update = {"podUid": "another pod", "hotUpgradeUid": anew}
    assert pod.request("PUT", "/v1/owner", update)[0] == 409
    update["podUid"] = pod.status()["podUid"]
    assert pod.request("PUT", "/v1/owner", update)[0] == 200
    pod.kill_python()
    until("the agent answers", pod.reachable, 30)
    assert pod.status()["hotUpgradeUid"] == anew
    assert pod.upgrade("r2", f"{artifacts.url}/v2", file, hotUpgradeUid=anew)[0] == 202
    assert pod.finished("u-r2")["state"] == "committed"


def test_rotated_ca_bundle_is_in_force_at_once_and_after_a_restart(pod: Pod) -> None:
    old = pod.operator_pem
    before = pod.status()["trust"]
    (pod.directory / "new").mkdir()
    new = stranger(pod.directory / "new")
    bundle = new.read_text()
    bundle = bundle[bundle.index("-----BEGIN CERTIFICATE") :]
    update = {"podUid": "another", "caBundle": bundle}
    assert pod.request("PUT", "/v1/trust", update)[0] == 409
    assert pod.request("PUT", "/v1/trust", {**update, "podUid": POD_UID})[0] == 200
    pod.operator_pem = new
    until("the agent trusts the new CA", pod.reachable)
    assert pod.status()["trust"] != before
    pod.kill_python()
    until("the agent answers", pod.reachable, 30)
    pod.operator_pem = old
    assert not pod.reachable()


def test_bundle_that_cannot_be_read_changes_nothing(pod: Pod) -> None:
    status, answer = pod.request("PUT", "/v1/trust", {"podUid": POD_UID, "caBundle": "no PEM"})
    assert (status, answer["code"]) == (400, "Invalid")
    assert pod.reachable()
