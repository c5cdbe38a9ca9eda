"""The client of the launcher's socket. The launcher's answers are hostile input: bounded, typed."""

import asyncio
from pathlib import Path

import msgspec

from hotupgrade_api.launcher_messages import (
    MAX_LINE,
    LauncherAnswer,
    LauncherCommand,
    LauncherErrorCode,
    LauncherStatus,
    StatusCommand,
    WaitCommand,
)

ANSWER_SECONDS = 30.0


class LauncherUnreachable(Exception):
    """No answer from the launcher: its container is down or restarts. Try again."""


class LauncherRefused(Exception):
    """The launcher does not do that."""

    def __init__(self, code: LauncherErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Launcher:
    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def status(self) -> LauncherStatus:
        return await self.call(StatusCommand())

    async def wait(self, after: int, seconds: float) -> LauncherStatus:
        """Answers at the first change after that sequence, or when the time is up."""
        return await self.call(WaitCommand(after=after, timeout_seconds=seconds))

    async def call(self, command: LauncherCommand) -> LauncherStatus:
        """Sends one command. Raises LauncherUnreachable or LauncherRefused."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._converse(msgspec.json.encode(command))
        except (
            OSError,
            TimeoutError,
            EOFError,
            msgspec.DecodeError,
            asyncio.LimitOverrunError,
        ) as error:
            why = str(error) or type(error).__name__
            raise LauncherUnreachable(f"cannot reach the launcher: {why}") from error
        if answer.error is not None:
            raise LauncherRefused(answer.error.code, answer.error.message)
        if answer.status is None:
            raise LauncherUnreachable("cannot read the launcher's answer: it is empty")
        return answer.status

    async def _converse(self, line: bytes) -> LauncherAnswer:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=MAX_LINE)
        try:
            writer.write(line + b"\n")
            await writer.drain()
            raw = await reader.readuntil(b"\n")
        finally:
            writer.close()
        return msgspec.json.decode(raw, type=LauncherAnswer)
