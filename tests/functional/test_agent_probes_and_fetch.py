"""Where the agent takes its health check from, and what it fetches over https."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.functional.agent_process import Artifacts, Pod
from tests.functional.launcher_process import Load, free_port, go_server, listens, until

HEALTH = "HOTUPGRADE_DEFAULT_HEALTH"


@contextmanager
def running(directory: Path, **env: str) -> Iterator[tuple[Pod, int]]:
    port = free_port()
    with Pod(directory, [str(go_server("v1")), f"127.0.0.1:{port}"], env=env) as pod:
        until("the server listens", lambda: listens("127.0.0.1", port))
        yield pod, port


def test_templates_readiness_probe_is_the_default(tmp_path: Path) -> None:
    port = free_port()
    probe = {"health": {"httpGet": {"path": "/ready", "port": port}}}
    sick = go_server("v3", "sick")
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with (
        Artifacts({"sick": sick}) as artifacts,
        Pod(tmp_path, command, env={HEALTH: json.dumps(probe)}) as pod,
    ):
        until("the server listens", lambda: listens("127.0.0.1", port))
        pod.upgrade("r3", f"{artifacts.url}/sick", sick)
        progress = pod.finished("u-r3")
        after = Load(f"http://127.0.0.1:{port}/", "-requests", "20").finish()
    assert (progress["state"], progress["reason"]) == ("failed", "ProbeFailed"), progress
    assert set(after["versions"]) == {"v1"}


@pytest.mark.parametrize("listening", [True, False])
def test_tcp_socket_is_probed_on_its_port(listening: bool, tmp_path: Path) -> None:
    file = go_server("v2")
    with Artifacts({"v2": file}) as artifacts, running(tmp_path) as (pod, port):
        health = {"tcpSocket": {"port": port if listening else free_port()}, "periodSeconds": 0.1}
        pod.upgrade("r2", f"{artifacts.url}/v2", file, health=health)
        progress = pod.finished("u-r2")
    wanted = ("committed", None) if listening else ("failed", "ProbeFailed")
    assert (progress["state"], progress.get("reason")) == wanted, progress


@pytest.mark.parametrize("trusted", [True, False])
def test_https_is_verified_against_the_systems_cas(trusted: bool, tmp_path: Path) -> None:
    file, pem = go_server("v2"), tmp_path / "server.pem"
    pem.write_bytes(server_pem())
    (tmp_path / "pod").mkdir()
    env = {"SSL_CERT_FILE": str(pem)} if trusted else {}
    with served_by_tls(file, pem) as url, running(tmp_path / "pod", **env) as (pod, _):
        pod.upgrade("r2", url, file)
        progress = pod.finished("u-r2")
    wanted = ("committed", None) if trusted else ("failed", "FetchFailed")
    assert (progress["state"], progress.get("reason")) == wanted, progress
    assert trusted or "certificate" in progress["message"].lower()


def test_artifact_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    file = go_server("v2")
    with Artifacts({"v2": file}) as artifacts, running(tmp_path) as (pod, _):
        url = f"{artifacts.url}/v2"
        sha256 = "0" * 64
        artifact = {"source": {"http": {"url": url}}, "sha256": sha256, "sizeLimitBytes": 1000}
        pod.upgrade("r2", url, file, artifact=artifact)
        progress = pod.finished("u-r2")
    assert (progress["state"], progress["reason"]) == ("failed", "ArtifactTooLarge"), progress
    assert "1000 bytes" in progress["message"]


@contextmanager
def served_by_tls(file: Path, pem: Path) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(file.read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/v2"
    finally:
        server.shutdown()
        server.server_close()


def server_pem() -> bytes:
    """A key, and a certificate for 127.0.0.1 that is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "artifacts")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
