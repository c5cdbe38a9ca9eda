"""The command line as a person meets it: what it prints, and its exit status."""

import subprocess
from pathlib import Path

import pytest

from tests.functional.launcher_process import (
    LauncherProcess,
    free_port,
    go_server,
    launcher_binary,
    listens,
    odd_server,
    until,
    versions,
)

DIGITS = "0" * 64


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(launcher_binary()), *args],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=env,
    )


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("", "run [OPTIONS] -- COMMAND"),
        ("fly", 'cannot do "fly"'),
        ("run", "cannot run: no command"),
        ("run --mode activation -- x", "cannot run in mode activation: not yet"),
        ("run --mode other -- x", "auto, transparent, activation and signal are the modes"),
        ("run --drain 3 -- x", "500ms, 30s and 2m are"),
        ("run --drain -1s -- x", "not between 0s and"),
        ("run --stop-signal TERM -- x", "SIGTERM, SIGQUIT"),
        ("run --bogus -- x", "`run --help` lists the options"),
        ("upgrade --exec /nonexistent", "no such file"),
        ("upgrade --exec a --replace b=c", "exclude each other"),
        ("upgrade --replace b", "is not WORD=FILE"),
        ("upgrade a b", "is too much"),
        (f"upgrade --sha256 {DIGITS}", "--sha256 needs the file"),
        ("upgrade --exec /bin/true --sha256 ab", "is not 64 hexadecimal digits"),
        ("upgrade --env X", "is not NAME=VALUE"),
        ("upgrade --probe https://127.0.0.1/", "http://HOST:PORT/PATH is right"),
        ("weight", "N from 0 to 100"),
        ("weight 101", "N from 0 to 100"),
        ("status now", "is too much"),
        ("supervise", "no command"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(args: str, says: str) -> None:
    answer = run(*args.split())
    assert answer.returncode == 2
    assert says in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("verb", ["upgrade", "status", "weight 5", "promote", "rollback"])
def test_verbs_without_a_launcher_say_so(verb: str, tmp_path: Path) -> None:
    answer = run(*verb.split(), HOTUPGRADE_SOCKET=str(tmp_path / "none"))
    assert answer.returncode == 1
    assert f"cannot reach the launcher: {tmp_path}/none: no such file" in answer.stderr


@pytest.mark.parametrize(
    "verb", ["run", "upgrade", "status", "weight", "promote", "rollback", "supervise"]
)
def test_help_is_on_standard_output(verb: str) -> None:
    answer = run(verb, "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"hotupgrade-launcher {verb}")
    assert "--socket" in answer.stdout or verb == "supervise"


def test_launcher_is_found_without_an_option_outside_a_pod(tmp_path: Path) -> None:
    port = free_port()
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [str(launcher_binary()), "run", "--", str(go_server("v1")), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env) as process:
        try:
            until("it listens", lambda: listens("127.0.0.1", port))
            second = run("run", "--", "/bin/true", **env)
            assert second.returncode == 1
            assert "another launcher does" in second.stderr
            answer = run("upgrade", str(go_server("v2")), **env)
            assert answer.returncode == 0, answer.stderr
            assert answer.stdout.startswith("flipped: process generation 2 listened after")
            assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        finally:
            process.terminate()


def test_one_upgrade_by_hand(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("plain", port)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        for verb in (["promote"], ["rollback"], ["weight", "5"]):
            assert "there is no upgrade" in launcher.call(*verb).stderr
        held = launcher.must("upgrade", "--env", "VERSION=v2", "--hold")
        assert held.endswith("weight, promote and rollback go on\n")
        again = launcher.call("upgrade")
        assert again.returncode == 1
        assert "is under way; promote or rollback ends it" in again.stderr
        assert "weight 30 %" in launcher.must("weight", "30")
        assert "weight 100 %" in launcher.must("promote")
        assert (
            "was promoted, and the old process was told to stop" in launcher.call("rollback").stderr
        )
        assert "the upgrade is over (promoted)" in launcher.call("weight", "5").stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--exec", "/bin/false"], "ProcessExited: the new process ended before it was promoted"),
        (["--exec", "/etc/passwd"], "StartFailed: the new process ended before it was promoted"),
        (["--exec", "/bin/true", "--sha256", DIGITS], "VerificationFailed: cannot run /bin/true"),
        (["--replace", "/other=/bin/true"], 'StartFailed: cannot replace "/other"'),
    ],
)
def test_upgrade_that_was_taken_back_fails_with_the_reason(
    options: list[str], says: str, tmp_path: Path
) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("plain", port)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        answer = launcher.call("upgrade", *options)
        assert answer.returncode == 1
        assert says in answer.stderr
        assert answer.stderr.endswith("; the old version serves\n")
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}


def test_replaced_word_of_a_shell_s_text_and_of_an_interpreter(tmp_path: Path) -> None:
    port, script = free_port(), Path(odd_server("plain", 0)[1])
    new = tmp_path / "new.py"
    new.write_text(script.read_text().replace('"v1"', '"v9"'))
    command = odd_server("plain", port)
    shell = ["sh", "-c", f"exec {command[0]} ${{HOTUPGRADE_ARTIFACT:-{script}}} plain {port}"]
    for number, wrapped in enumerate((command, shell)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with LauncherProcess(folder, wrapped, ["--rollback-window", "0s"]) as launcher:
            until("it listens", lambda: listens("127.0.0.1", port))
            assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
            launcher.must("upgrade", "--replace", f"{script}={new}")
            assert versions(f"http://127.0.0.1:{port}/") == {"v9"}
