"""The client of the agents. Their answers are hostile input: bounded, typed, proven by token."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import msgspec

from hotupgrade_api import tls
from hotupgrade_api.agent_messages import (
    AgentError,
    AgentStatus,
    OwnerUpdate,
    ReachAnswer,
    ReachRequest,
    TargetedCommand,
    TrustUpdate,
    WeightRequest,
)
from hotupgrade_api.body import read_body
from hotupgrade_operator.certificates import Identity

MAX_BYTES = 1 << 20
MAX_PROVEN = 20_000
SECONDS = 10.0
CONNECT_SECONDS = 2.0
PROVEN_SECONDS = 600.0  # then the token is reviewed again: its pod may be gone
MOST_CONNECTIONS = 100


class AgentUnreachable(Exception):
    """The agent did not answer, or is not the one that was meant."""


class AgentRefused(Exception):
    """The agent understood, and does not do it now."""


@dataclass(frozen=True)
class _Proof:
    pod_uid: str
    until: float  # of the monotonic clock


class TokenReviewer(Protocol):
    def pod_uid_of(self, token: str) -> Awaitable[str]: ...


def client_context(identity: Identity) -> ssl.SSLContext:
    """Shows our certificate. The agent's own is self-signed: its token proves it instead."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls.show(context, identity.client_key + identity.client)
    return context


class Agents:
    def __init__(self, reviewer: TokenReviewer, port: int) -> None:
        self._reviewer = reviewer
        self._port = port
        self._proven: dict[str, _Proof] = {}  # by the digest of a token
        self._session: aiohttp.ClientSession | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def use(self, identity: Identity) -> None:
        """Also while calls are under way: those end with the certificate that they began with."""
        old = self._session
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS),
            connector=aiohttp.TCPConnector(ssl=client_context(identity), limit=MOST_CONNECTIONS),
        )
        if old is not None:
            task = asyncio.create_task(_close_later(old))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for task in self._closing:
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def status(self, address: str, pod_uid: str) -> AgentStatus:
        """Raises AgentUnreachable, also where another pod answers (a reused IP)."""
        raw = await self._call("GET", address, "/v1/status", None)
        answer = _decode(raw)
        if answer.pod_uid != pod_uid:
            raise AgentUnreachable(f"cannot trust {address}: pod {answer.pod_uid} answered")
        await self._prove(answer, address)
        return answer

    async def put_upgrade(self, address: str, command: msgspec.Struct) -> None:
        await self._call("PUT", address, "/v1/upgrade", command)

    async def roll_back(self, address: str, command: msgspec.Struct) -> None:
        await self._call("POST", address, "/v1/rollback", command)

    async def set_weight(self, address: str, request: WeightRequest) -> None:
        await self._call("PUT", address, "/v1/weight", request)

    async def promote(self, address: str, command: TargetedCommand) -> None:
        await self._call("POST", address, "/v1/promote", command)

    async def adopt(self, address: str, update: OwnerUpdate) -> None:
        await self._call("PUT", address, "/v1/owner", update)

    async def reach(self, address: str, request: ReachRequest) -> str | None:
        """What keeps the pod from the artifact's host; empty: nothing. None where no answer is to
        be had: agents of the release before do not know the question."""
        try:
            raw = await self._call("POST", address, "/v1/reach", request)
            return msgspec.json.decode(raw, type=ReachAnswer).error
        except (AgentUnreachable, AgentRefused, msgspec.DecodeError):
            return None

    async def push_trust(self, address: str, update: TrustUpdate) -> None:
        await self._call("PUT", address, "/v1/trust", update)

    async def _prove(self, answer: AgentStatus, address: str) -> None:
        digest, now = hashlib.sha256(answer.token.encode()).hexdigest(), time.monotonic()
        proof = self._proven.get(digest)
        if proof is None or now >= proof.until:
            uid = await self._reviewer.pod_uid_of(answer.token) if answer.token else ""
            proof = _Proof(uid, now + PROVEN_SECONDS)
            if uid:
                if len(self._proven) >= MAX_PROVEN:
                    self._proven.clear()
                self._proven[digest] = proof
        if proof.pod_uid != answer.pod_uid:
            whose = proof.pod_uid or "none"
            raise AgentUnreachable(
                f"cannot trust the agent at {address}: its token is of pod {whose}"
            )

    async def _call(self, method: str, address: str, path: str, body: Any) -> bytes:
        assert self._session is not None, "use comes first"
        host = f"[{address}]" if ":" in address else address
        url = f"https://{host}:{self._port}{path}"
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._session.request(
                method, url, data=data, allow_redirects=False
            ) as response:
                raw = await read_body(response.content, MAX_BYTES)
                if response.status < 300:
                    return raw
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise AgentUnreachable(f"cannot reach the agent at {address}: {why}") from error
        try:
            raise AgentRefused(msgspec.json.decode(raw, type=AgentError).message)
        except msgspec.DecodeError as error:
            raise AgentUnreachable(f"the agent at {address} answered {response.status}") from error


async def _close_later(session: aiohttp.ClientSession) -> None:
    await asyncio.sleep(SECONDS)
    await session.close()


def _decode(raw: bytes) -> AgentStatus:
    try:
        return msgspec.json.decode(raw, type=AgentStatus)
    except msgspec.DecodeError as error:
        raise AgentUnreachable(f"cannot read the agent's answer: {error}") from error
