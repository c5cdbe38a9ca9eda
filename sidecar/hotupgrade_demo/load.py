"""A load of new connections, one a request, at a bounded rate; every failure is counted."""

import asyncio
import collections
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 5.0
PAUSE_SECONDS = 0.01  # of each worker between two requests


@dataclass
class Load:
    """One worker an address, until stop()."""

    addresses: list[tuple[str, int]]
    requests: int = 0
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(*address)) for address in self.addresses]
        self._stopping = False

    async def stop(self) -> None:
        """Lets what is under way finish: it counts, too."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    async def _work(self, host: str, port: int) -> None:
        while not self._stopping:
            self.requests += 1
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    self.versions[await request(host, port)] += 1
            except (OSError, TimeoutError, ValueError) as error:
                self.errors[type(error).__name__] += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def request(host: str, port: int) -> str:
    """GET / over a connection of its own; the body, which is the version."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if b" 200 " not in head.split(b"\r\n", 1)[0] or not body:
        raise ValueError(f"cannot use the answer: {head[:80]!r}")
    return body.decode()
