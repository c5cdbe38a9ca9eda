"""The dark probe against real servers: whole bodies, no packing, no TLS that nobody asked for, and
pods without IPv6."""

import asyncio
import ctypes
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from hotupgrade_agent import probe
from hotupgrade_agent.probe import ProbeResult
from hotupgrade_api.launcher_messages import (
    LauncherStatus,
    ProcessGeneration,
    ProcessState,
    SocketStatus,
)
from hotupgrade_api.resource import Expect, Health, HttpGet
from tests.functional.launcher_process import LauncherProcess, free_port, go_server, until

UP = Expect(json={"status": "UP"})
CLONE_NEWNET = 0x40000000  # linux/sched.h


@contextmanager
def answering(
    answer: Callable[[http.server.BaseHTTPRequestHandler], None],
) -> Iterator[ProcessGeneration]:
    """A server that answers so, as one process generation of a launcher."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    listening = SocketStatus(address=address, slot=0, probe_ports=(64000, 64015))
    try:
        yield ProcessGeneration(number=1, state=ProcessState.LISTENING, sockets=[listening])
    finally:
        server.shutdown()
        server.server_close()


def health(generation: ProcessGeneration) -> Health:
    port = int(generation.sockets[0].address.rpartition(":")[2])
    return Health(http_get=HttpGet(port=port, path="/health"), expect=UP, timeout_seconds=10)


async def test_body_that_comes_in_pieces_is_read_whole() -> None:
    first_read = threading.Event()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'{"status":')
        handler.wfile.flush()
        first_read.wait(10)
        handler.wfile.write(b' "UP"}')

    with answering(answer) as generation:
        asked = asyncio.create_task(probe.probe(health(generation), generation))
        # A probe that takes what has arrived for the whole ends here.
        await asyncio.wait({asked}, timeout=0.5)
        first_read.set()
        assert await asked == ProbeResult()


async def test_body_is_asked_for_unpacked() -> None:
    asked = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'{"status": "UP"}')

    with answering(answer) as generation:
        assert await probe.probe(health(generation), generation) == ProbeResult()
    assert asked == ["identity"]


def test_https_probes_share_one_context_which_verifies_nothing() -> None:
    context = probe.unverified()
    assert context is probe.unverified()
    assert not context.check_hostname
    assert context.cert_store_stats()["x509_ca"] == 0


def test_boot_does_not_import_what_only_the_sidecar_needs() -> None:
    script = "import sys, hotupgrade_agent.main; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "prometheus_client", "hotupgrade_agent.driver", "hotupgrade_agent.server"}
    assert not heavy & set(run.stdout.split())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network namespace")
def test_dual_stack_listener_is_probed_where_ipv6_is_disabled(tmp_path: Path) -> None:
    """Each process generation on its own, by the ports that the kernel's program knows."""
    found = in_network_without_ipv6(lambda: probed_apart(tmp_path))
    assert found == [ProbeResult(), ProbeResult("status is 'DOWN', expected 'UP'")]


def probed_apart(directory: Path) -> list[ProbeResult]:
    port = free_port()
    command = [str(go_server("v1")), f"[::]:{port}"]
    with LauncherProcess(directory, command) as launcher:
        until("the server listens", lambda: launcher.states() == ["serving"])
        launcher.must("upgrade", "--exec", str(go_server("v3", "down")), "--hold")
        status = msgspec.convert(launcher.status(), LauncherStatus)
        assert [g.sockets[0].address for g in status.generations] == [f"[::]:{port}"] * 2
        return [
            asyncio.run(probe.probe(health(generation), generation))
            for generation in status.generations
        ]


def in_network_without_ipv6(work: Callable[[], list[ProbeResult]]) -> list[ProbeResult]:
    """Does it in a thread whose network namespace is its own, as IPv4-only clusters set it up."""
    results: list[ProbeResult] = []

    def run() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot make a network namespace")
        for interface in ("all", "default"):
            Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        results.extend(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return results
