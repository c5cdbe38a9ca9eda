"""Servers with one odd habit each, and nothing of hotupgrade in them: server.py HABIT PORT [FILE].

Each answers every HTTP request with VERSION, and closes. FILE is what a habit waits for or writes.
"""

import ctypes
import errno
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path

VERSION = os.environ.get("VERSION", "v1")
HOST = "127.0.0.1"
ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Length: {len(VERSION) + 1}\r\nConnection: close\r\n\r\n{VERSION}\n"
)


def bound(port: int, host: str = HOST) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((host, port))
    return listener


def answer(connection: socket.socket) -> None:
    with connection:
        request = connection.recv(65536)
        if b"GET /slow" in request:
            time.sleep(2)
        connection.sendall(ANSWER.encode())


def accept(listener: socket.socket) -> None:
    listener.listen(128)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,)).start()


def wait_for(file: Path) -> None:
    for _ in range(3000):
        if file.exists():
            return
        time.sleep(0.01)
    sys.exit(f"{file} did not come")


def report(file: Path, value: object) -> None:
    partial = file.with_name(file.name + ".partial")
    partial.write_text(json.dumps(value))
    partial.rename(file)


def plain(port: int, _: Path) -> None:
    accept(bound(port))


def stubborn(port: int, _: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    accept(bound(port))


def binds_early(port: int, file: Path) -> None:
    """Is bound long before it listens."""
    listener = bound(port)
    wait_for(file)
    accept(listener)


def binds_late(port: int, file: Path) -> None:
    """Opens a second port, the next one, when it feels like it."""
    threading.Thread(target=accept, args=(bound(port),)).start()
    wait_for(file)
    accept(bound(port + 1))


def wildcards(port: int, _: Path) -> None:
    """Two listeners on one port, a family each."""
    threading.Thread(target=accept, args=(bound(port, "0.0.0.0"),)).start()
    accept(bound(port, "::"))


def epoll(port: int, _: Path) -> None:
    """Registers its socket before it binds it, as Netty's epoll transport does."""
    listener = socket.socket()
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    while True:
        for event in poll.poll():
            if event[1] & select.EPOLLIN:
                connection = listener.accept()[0]
                connection.setblocking(True)
                threading.Thread(target=answer, args=(connection,)).start()


OPTIONS = {
    "SO_RCVBUF": (socket.SOL_SOCKET, socket.SO_RCVBUF, 50000),
    "SO_SNDBUF": (socket.SOL_SOCKET, socket.SO_SNDBUF, 60000),
    "TCP_DEFER_ACCEPT": (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3),
    "TCP_FASTOPEN": (socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16),
    "IPV6_V6ONLY": (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1),
    "TCP_MAXSEG": (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1200),
}
LATER = {  # set once it is bound: nobody need replay these
    "TCP_NODELAY": (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    "SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
}


def options(port: int, file: Path) -> None:
    """Writes what its listener's options are in the end, and its descriptor's flags."""
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, name, value in OPTIONS.values():
        listener.setsockopt(level, name, value)
    listener.bind(("::1", port))
    for level, name, value in LATER.values():
        listener.setsockopt(level, name, value)
    listener.listen(128)
    found: dict[str, object] = {
        key: listener.getsockopt(o[0], o[1]) for key, o in (OPTIONS | LATER).items()
    }
    found["inheritable"] = listener.get_inheritable()
    found["blocking"] = os.get_blocking(listener.fileno())
    found["name"] = listener.getsockname()[:2]
    report(file, found)
    accept(listener)


def others(port: int, file: Path) -> None:
    """Binds what is nobody's business but the kernel's, and serves TCP as well."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((HOST, port))
    any_port = bound(0)
    any_port.listen()
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(file) + ".sock")
    local.listen()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(file) + ".sock")
    with socket.socket() as peer:
        peer.connect(any_port.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x", (HOST, port))
    received = datagrams.recvfrom(16)[0].decode()
    datagrams.close()  # two processes cannot both hold it
    report(file, {"udp": received, "port": any_port.getsockname()[1]})
    accept(bound(port))


def twice(port: int, file: Path) -> None:
    """Binds its address a second time, which the kernel must refuse, then again after a close."""
    first = bound(port)
    first.listen()
    try:
        bound(port)
        refused = 0
    except OSError as error:
        refused = error.errno or 0
    first.close()
    again = bound(port)
    report(file, {"refused": errno.errorcode.get(refused, "")})
    accept(again)


def forks(port: int, file: Path) -> None:
    """Workers that accept from one socket."""
    listener = bound(port)
    listener.listen(128)
    workers = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            accept(listener)
        workers.append(pid)
    report(file, workers)
    os.waitpid(workers[0], 0)
    signal.pause()


def shared(port: int, file: Path) -> None:
    """Workers with a SO_REUSEPORT socket each; one that died is replaced at FILE.again."""

    def worker() -> int:
        pid = os.fork()
        if pid == 0:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((HOST, port))
            accept(listener)
        return pid

    workers = [worker() for _ in range(3)]
    report(file, workers)
    os.waitpid(workers[0], 0)
    wait_for(file.with_name(file.name + ".again"))
    worker()
    signal.pause()


def daemon(port: int, file: Path) -> None:
    """Goes to the background, as servers of old do."""
    listener = bound(port)
    listener.listen(128)
    if os.fork():
        os._exit(0)
    os.setsid()
    report(file, os.getpid())
    accept(listener)


def orphans(port: int, file: Path) -> None:
    """Leaves children behind whose parent is gone."""
    pids = []
    for _ in range(5):
        read, write = os.pipe()
        if os.fork() == 0:
            child = os.fork()
            if child == 0:
                time.sleep(0.2)
                os._exit(0)
            os.write(write, str(child).encode())
            os._exit(0)
        os.wait()
        pids.append(int(os.read(read, 16)))
    report(file, pids)
    accept(bound(port))


def storm(port: int, file: Path) -> None:
    """Binds and listens 300 times under a storm of signals (SA_RESTART, as runtimes set it)."""
    libc = ctypes.CDLL(None, use_errno=True)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    address = socket.AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
    address += socket.inet_aton(HOST) + bytes(8)
    failures: dict[str, int] = {}
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    for _ in range(300):
        listener = socket.socket()
        for call, args in ((libc.bind, (address, len(address))), (libc.listen, (8,))):
            if call(listener.fileno(), *args) != 0:
                name = errno.errorcode[ctypes.get_errno()]
                failures[name] = failures.get(name, 0) + 1
        listener.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    report(file, failures)
    accept(bound(port))


def undumpable(port: int, _: Path) -> None:
    """May not be looked into by another process of its own UID."""
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    accept(bound(port))


def told(port: int, file: Path) -> None:
    """Writes what it was started with, and each signal it gets."""
    heard: list[str] = []
    status = {
        line.split(":")[0]: line.split(":")[1].strip()
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(("SigIgn", "SigBlk", "NoNewPrivs", "Umask"))
    }

    def hear(number: int, _: object) -> None:
        heard.append(signal.Signals(number).name)
        report(file, {"heard": heard})
        if number == signal.SIGTERM:
            os._exit(7)

    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGTERM):
        signal.signal(number, hear)
    limits = Path("/proc/self/limits").read_text()
    names = [name for name in os.environ if not name.startswith("PYTEST")]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    report(file, [status, limits, sorted(names), descriptors, str(Path.cwd())])
    accept(bound(port))


HABITS = {
    habit.__name__: habit
    for habit in (
        *(plain, stubborn, binds_early, binds_late, wildcards, epoll, options, others, twice),
        *(forks, shared, daemon, orphans, storm, undumpable, told),
    )
}

if __name__ == "__main__":
    HABITS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3] if len(sys.argv) > 3 else "none"))
