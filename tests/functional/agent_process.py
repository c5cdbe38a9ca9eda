"""One pod without Kubernetes: a real launcher with a real server, and a real supervised agent."""

import contextlib
import hashlib
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hotupgrade_agent.certificate import make_pem
from hotupgrade_api.resource import Artifact
from hotupgrade_api.revision import revision_of
from tests.functional.launcher_process import LauncherProcess, free_port, launcher_binary, until

POD_UID = "11111111-2222-3333-4444-555555555555"
HOT_UPGRADE_UID = "99999999-8888-7777-6666-555555555555"


def revision(file: Path) -> str:
    """The id under which Pod.upgrade brings that file."""
    return revision_of(Artifact(sha256=hashlib.sha256(file.read_bytes()).hexdigest()))


class Artifacts:
    """Serves files over http on loopback until the block ends."""

    def __init__(self, files: dict[str, Path]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = files.get(self.path.strip("/"))
                if path is None:
                    self.send_error(404)
                    return
                body = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Artifacts":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class HalfArtifact:
    """Serves half of a file, and then a byte a second: the rest only once `go_on` is set. Whole at
    once for those that ask later."""

    def __init__(self, file: Path) -> None:
        body = file.read_bytes()
        asked = self.asked = threading.Event()
        go_on = self.go_on = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                sent = 0
                with contextlib.suppress(OSError):  # nobody waits for it any more
                    if not go_on.is_set():
                        sent = self.wfile.write(body[: len(body) // 2])
                        asked.set()
                    while sent and not go_on.wait(1) and sent < len(body):
                        sent += self.wfile.write(body[sent : sent + 1])
                    self.wfile.write(body[sent:])

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/file"

    def __enter__(self) -> "HalfArtifact":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Seam:
    """Between agent and launcher: passes each command on, and its answer back."""

    command: str  # the one that a kind of seam means

    def listen(self, pod: "Pod") -> Path:
        self._pod = pod
        path = pod.directory / "seam.sock"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()
        return path

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                agent, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(agent,), daemon=True).start()

    def _pass_on(self, agent: socket.socket) -> None:
        with agent, agent.makefile("rb") as asked:
            line = asked.readline()
            answer = self.answer(line, json.loads(line)["command"]) if line else b""
            with contextlib.suppress(OSError):  # it gave up waiting
                agent.sendall(answer)

    def answer(self, line: bytes, command: str) -> bytes:
        """The launcher's; empty: none."""
        with socket.socket(socket.AF_UNIX) as launcher, launcher.makefile("rb") as answered:
            launcher.connect(str(self._pod.launcher.socket))
            launcher.sendall(line)
            return answered.readline()


@dataclass
class Killing(Seam):
    """Kills the agent's Python once, at the command.

    before: the launcher has not heard of it; otherwise it is carried out, and the answer is lost.
    """

    before: bool
    fired: bool = False

    def answer(self, line: bytes, command: str) -> bytes:
        if self.fired or command != self.command:
            return super().answer(line, command)
        self.fired = True
        if not self.before:
            super().answer(line, command)
        self._pod.kill_python()
        return b""


@dataclass
class Gate(Seam):
    """Keeps the command back while it is shut."""

    waiting: int = 0
    forced: bool = False  # somebody waited for longer than it can be shut
    opened: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.opened.set()

    def answer(self, line: bytes, command: str) -> bytes:
        if command == self.command and not self.opened.is_set():
            self.waiting += 1
            self.forced |= not self.opened.wait(25)  # an agent gives up after 30 s
        return super().answer(line, command)


@dataclass
class Pod:
    """Call start() in a `with`; the operator's certificate is its own CA."""

    directory: Path
    command: list[str]
    operator_name: str = "hotupgrade-operator"
    seam: Seam | None = None
    env: dict[str, str] = field(default_factory=dict)  # added to the agent's
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> "Pod":
        self.store = self.directory / "store"
        self.store.mkdir(exist_ok=True)
        self.port, self.metrics_port = free_port(), free_port()
        self.operator_pem = self.directory / "operator.pem"
        self.operator_pem.write_bytes(make_pem(self.operator_name))
        (self.directory / "token").write_text("a token")
        variables = {"HOTUPGRADE_STORE": str(self.store), "HOTUPGRADE_IMAGE": "app:1"}
        options = ["--on-exit", "restart"]
        self.launcher = LauncherProcess(self.directory, self.command, options, variables)
        self.launcher.__enter__()
        self.agent_socket = self.launcher.socket
        if self.seam is not None:
            self.agent_socket = self.seam.listen(self)
        self.start_agent()
        return self

    def start_agent(self) -> None:
        pem = self.operator_pem.read_text()
        environment = {
            **os.environ,
            "HOTUPGRADE_POD_NAME": "web-1",
            "HOTUPGRADE_POD_NAMESPACE": "default",
            "HOTUPGRADE_POD_UID": POD_UID,
            "HOTUPGRADE_UID": HOT_UPGRADE_UID,
            "HOTUPGRADE_STORE": str(self.store),
            "HOTUPGRADE_SOCKET": str(self.agent_socket),
            "HOTUPGRADE_BIND_ADDRESS": "127.0.0.1",
            "HOTUPGRADE_AGENT_PORT": str(self.port),
            "HOTUPGRADE_METRICS_PORT": str(self.metrics_port),
            "HOTUPGRADE_TOKEN_FILE": str(self.directory / "token"),
            "HOTUPGRADE_CA_BUNDLE": pem[pem.index("-----BEGIN CERTIFICATE") :],
            **self.env,
        }
        command = [str(launcher_binary()), "supervise", "--"]
        command += [sys.executable, "-m", "hotupgrade_agent.main", "serve"]
        with (self.directory / "agent.log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        until("the agent answers", self.reachable, 30)

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        if self.seam is not None:
            self.seam.close()
        self.launcher.__exit__()

    def kill_python(self) -> None:
        """SIGKILL to the supervised child alone."""
        pid = self.processes[-1].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def reachable(self) -> bool:
        try:
            self.status()
        except OSError:
            return False
        return True

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.operator_pem)
        data = None if body is None else json.dumps(body).encode()
        url = f"https://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=data, method=method)
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text.decode()

    def status(self) -> dict[str, Any]:
        status, answer = self.request("GET", "/v1/status")
        if status != 200:
            raise OSError(f"{status}: {answer}")
        return dict(answer)

    def target(self, revision: str, identity: str) -> dict[str, Any]:
        return {
            "podUid": POD_UID,
            "hotUpgradeUid": HOT_UPGRADE_UID,
            "revision": revision,
            "id": identity,
        }

    def upgrade(self, version: str, url: str, file: Path, **more: Any) -> tuple[int, Any]:
        """PUTs the upgrade u-VERSION with short times; `more` is laid over the command."""
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        artifact = {"source": {"http": {"url": url}}, "sha256": sha256}
        artifact = more.get("artifact", artifact)
        command = {
            **self.target(revision_of(msgspec.convert(artifact, Artifact)), f"u-{version}"),
            "artifact": artifact,
            "version": version,
            "handoff": {"readyTimeoutSeconds": 2, "rollbackWindowSeconds": 2, "drainSeconds": 5},
            "health": {"periodSeconds": 0.1},
            **more,
        }
        return self.request("PUT", "/v1/upgrade", command)

    def finished(self, identity: str) -> dict[str, Any]:
        """The progress of that upgrade once it is final."""

        def final() -> dict[str, Any] | None:
            try:
                progress = self.status().get("progress", {})
            except OSError:
                return None
            done = progress.get("id") == identity and progress["state"] in ("committed", "failed")
            return progress if done else None

        try:
            return dict(until(f"the end of {identity}", final, 40))
        except AssertionError as error:
            log = (self.directory / "agent.log").read_text()[-3000:]
            raise AssertionError(f"{error}: {self.status().get('progress')}\n{log}") from error
