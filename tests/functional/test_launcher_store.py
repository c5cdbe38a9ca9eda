"""What a container that starts runs: what was last committed for its image."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.functional.launcher_process import (
    LauncherProcess,
    free_port,
    go_server,
    listens,
    until,
    versions,
)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def commit(store: Path, program: Path, **record: Any) -> None:
    """As the agent lays it down: the file by its digest, `current` a symlink to a record."""
    (store / "sha256").mkdir(parents=True)
    sha256 = digest(program)
    (store / "sha256" / sha256).write_bytes(program.read_bytes())
    (store / "sha256" / sha256).chmod(0o755)
    what = {"revision": "r2", "program": {"file": f"sha256/{sha256}", "sha256": sha256}, **record}
    (store / "r2.json").write_text(json.dumps(what))
    (store / "current").symlink_to("r2.json")


def run_with(tmp_path: Path, image: str = "app:1") -> tuple[set[str], dict[str, Any]]:
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    env = {"HOTUPGRADE_STORE": str(tmp_path / "store"), "HOTUPGRADE_IMAGE": image}
    with LauncherProcess(tmp_path, command, env=env) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        until("the base", lambda: launcher.status().get("base", {}).get("sha256"))
        return versions(f"http://127.0.0.1:{port}/"), launcher.status()


def test_committed_revision_runs_from_the_first_response(tmp_path: Path) -> None:
    base = {"image": "app:1", "sha256": digest(go_server("v1"))}
    commit(tmp_path / "store", go_server("v2"), base=base)
    served, status = run_with(tmp_path)
    assert served == {"v2"}
    assert status["revision"] == "r2"
    assert status["base"] == base
    assert "superseded" not in status


def test_new_image_supersedes_what_was_committed_for_another(tmp_path: Path) -> None:
    commit(tmp_path / "store", go_server("v2"), base={"image": "app:1"})
    served, status = run_with(tmp_path, "app:2")
    assert served == {"v1"}
    assert status["revision"] == "image"
    assert status["superseded"] == (
        "revision r2 holds for the image app:1; this container runs app:2"
    )


def test_same_tag_with_another_file_supersedes_too(tmp_path: Path) -> None:
    commit(tmp_path / "store", go_server("v2"), base={"image": "app:1", "sha256": "0" * 64})
    served, status = run_with(tmp_path)
    assert served == {"v1"}
    assert "holds for a file of sha256 0000" in status["superseded"]


def test_file_that_was_changed_in_the_store_never_runs(tmp_path: Path) -> None:
    commit(tmp_path / "store", go_server("v2"))
    for file in (tmp_path / "store" / "sha256").iterdir():
        file.write_bytes(go_server("v3").read_bytes())
    served, status = run_with(tmp_path)
    assert served == {"v1"}
    assert "verification failed" in status["superseded"]


def test_empty_and_broken_stores_run_the_image_s_own_file(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    served, status = run_with(tmp_path)
    assert (served, status["revision"], "superseded" in status) == ({"v1"}, "image", False)
    (tmp_path / "store" / "current").write_text("{")
    served, status = run_with(tmp_path)
    assert served == {"v1"}
    assert "cannot read the committed revision" in status["superseded"]
