"""`hotupgrade-agent boot`: what a new pod runs, and what a kubelet is told where it cannot."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import BootConfig
from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import Artifact, HttpSource, OnFetchFailure, SecretRef, Source
from hotupgrade_api.store_records import LAUNCHER, RevisionRecord
from tests.functional.agent_process import Artifacts, revision
from tests.functional.launcher_process import free_port, launcher_binary

FILE = Path(__file__)  # any bytes do: nobody runs them here


@dataclass
class Booting:
    """One pod's boot; run() is one start of its container."""

    directory: Path
    config: BootConfig

    def __post_init__(self) -> None:
        self.store, self.told = self.directory / "store", self.directory / "termination-log"
        self.told.write_text("")
        tools = self.directory / "bin"
        tools.mkdir()
        (tools / "hotupgrade-launcher").symlink_to(launcher_binary())
        self.env = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            layout.ENV_POD_NAME: "web-1",
            layout.ENV_POD_NAMESPACE: "default",
            layout.ENV_POD_UID: "uid",
            layout.ENV_CA_BUNDLE: "PEM",
            layout.ENV_STORE: str(self.store),
            layout.ENV_TERMINATION_LOG: str(self.told),
        }

    def run(self) -> int:
        boot = msgspec.json.encode(self.config).decode()
        command = [sys.executable, "-m", "hotupgrade_agent.main", "boot"]
        env = {**self.env, layout.ENV_BOOT: boot}
        return subprocess.run(command, env=env, timeout=60, check=False).returncode

    def current(self) -> RevisionRecord | None:
        link = self.store / "current"
        return (
            msgspec.json.decode(link.read_bytes(), type=RevisionRecord) if link.exists() else None
        )


def config(url: str, **changes: object) -> BootConfig:
    artifact = Artifact(source=Source(http=HttpSource(url=url)), sha256=sha256(FILE))
    base = Base(image="app:1")
    wanted = BootConfig(revision=revision(FILE), version="2", artifact=artifact, base=base)
    return msgspec.structs.replace(wanted, **changes)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_nothing_to_fetch_boots_the_image(tmp_path: Path) -> None:
    booting = Booting(tmp_path, BootConfig())
    assert booting.run() == 0
    assert booting.current() is None
    assert os.access(booting.store / LAUNCHER, os.X_OK)


def test_revision_is_staged_with_its_base_and_committed(tmp_path: Path) -> None:
    with Artifacts({"v2": FILE}) as artifacts:
        booting = Booting(tmp_path, config(f"{artifacts.url}/v2"))
        assert booting.run() == 0
    record = booting.current()
    assert record is not None
    assert (record.revision, record.version, record.base.image) == (revision(FILE), "2", "app:1")
    assert (booting.store / record.program.file).read_bytes() == FILE.read_bytes()
    assert booting.run() == 0, "an existing `current` wins: the source is not needed again"


def test_source_that_is_down_ends_it_with_the_reason_until_it_is_up(tmp_path: Path) -> None:
    booting = Booting(tmp_path, config(f"http://127.0.0.1:{free_port()}/v2"))
    for _ in range(2):  # a kubelet starts it again
        assert booting.run() == 1
        told = booting.told.read_text()
        assert told.startswith(f"cannot boot revision {revision(FILE)}: FetchFailed: ")
        assert booting.current() is None
    with Artifacts({"v2": FILE}) as artifacts:
        booting.config = config(f"{artifacts.url}/v2")
        assert booting.run() == 0
    assert booting.current() is not None


def test_boot_image_starts_the_images_own_program_instead(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v2"
    booting = Booting(tmp_path, config(url, on_fetch_failure=OnFetchFailure.BOOT_IMAGE))
    assert booting.run() == 0
    assert booting.current() is None


def test_artifact_that_cannot_be_honoured_is_not_booted(tmp_path: Path) -> None:
    with Artifacts({"v2": FILE}) as artifacts:
        wanted = config(f"{artifacts.url}/v2")
        assert wanted.artifact is not None
        secret = msgspec.structs.replace(wanted.artifact, secret_ref=SecretRef(name="keys"))
        booting = Booting(tmp_path, msgspec.structs.replace(wanted, artifact=secret))
        assert booting.run() == 1
    assert "Unsupported" in booting.told.read_text()


def test_kubelet_that_gave_no_file_gets_none(tmp_path: Path) -> None:
    booting = Booting(tmp_path, config(f"http://127.0.0.1:{free_port()}/v2"))
    booting.told.unlink()
    assert booting.run() == 1
    assert not booting.told.exists()


@pytest.mark.parametrize("missing", [layout.ENV_POD_UID, layout.ENV_CA_BUNDLE])
def test_missing_setting_ends_it(missing: str, tmp_path: Path) -> None:
    booting = Booting(tmp_path, BootConfig())
    del booting.env[missing]
    assert booting.run() == 1
