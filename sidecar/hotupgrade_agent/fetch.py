"""Fetches an artifact over http and https: streamed, bounded, hashed while it is written."""

import asyncio
import hashlib
import os
import ssl
from pathlib import Path, PurePosixPath

import aiohttp

from hotupgrade_agent.store import Store
from hotupgrade_agent.upgrade import Failed
from hotupgrade_api.agent_messages import FailureReason
from hotupgrade_api.launcher_messages import Program
from hotupgrade_api.resource import Artifact, ArtifactFormat

CHUNK_BYTES = 256 << 10
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 30.0  # without a byte
TOTAL_SECONDS = 1800.0


async def stage(artifact: Artifact, store: Store) -> Program:
    """The verified file on the store (a path relative to its root) and the word that it stands for.
    It is not fetched again where it lies there already.

    Raises Failed: FetchFailed, ArtifactTooLarge, StoreFull, DigestMismatch or Unsupported.
    """
    if fields := unsupported(artifact):
        raise Failed(
            FailureReason.UNSUPPORTED, f"cannot fetch: this agent does not know {', '.join(fields)}"
        )
    sha256 = artifact.sha256
    if artifact.source is None or artifact.source.http is None or sha256 is None:
        raise Failed(
            FailureReason.UNSUPPORTED, "cannot fetch: artifact.source.http and sha256 are needed"
        )
    name = PurePosixPath(artifact.replaces).name or "program"
    target = store.blob(sha256, name)
    if not (target.exists() and await asyncio.to_thread(_digest, target) == sha256):
        await _fetch(artifact.source.http.url, sha256, artifact.size_limit_bytes, store, target)
    file = str(target.relative_to(store.root))
    return Program(file=file, sha256=sha256, replaces=artifact.replaces)


def unsupported(artifact: Artifact) -> list[str]:
    """Pure: what would have to be honoured and is not. The operator refuses it first; one that is
    newer than this agent may not."""
    packed = (ArtifactFormat.TAR_GZ, ArtifactFormat.TAR_ZST)
    checks = [
        ("artifact.signature", artifact.signature is not None),
        ("artifact.secretRef", artifact.secret_ref is not None),
        ("artifact.platforms", bool(artifact.platforms)),
        (f"artifact.format {artifact.format}", artifact.format in packed),
    ]
    return [field for field, used in checks if used]


async def _fetch(url: str, sha256: str, most: int, store: Store, target: Path) -> None:
    partial = store.partial(sha256)
    try:
        got = await _download(url, most, store, partial)
        if got != sha256:
            raise Failed(
                FailureReason.DIGEST_MISMATCH, f"{url}: sha256 is {got}, the spec says {sha256}"
            )
        store.admit(partial, target)
    except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
        why = str(error) or type(error).__name__
        raise Failed(FailureReason.FETCH_FAILED, f"cannot fetch {url}: {why}") from error
    finally:
        partial.unlink(missing_ok=True)


async def _download(url: str, most: int, store: Store, partial: Path) -> str:
    room = store.room_bytes()
    limit = min(most, room)
    timeout = aiohttp.ClientTimeout(
        total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS
    )
    digest = hashlib.sha256()
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
            if response.status != 200:
                raise Failed(
                    FailureReason.FETCH_FAILED,
                    f"cannot fetch {url}: {response.status} {response.reason}",
                )
            _bounded(response.content_length or 0, limit, room)
            size = 0
            with partial.open("wb") as file:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    size += len(chunk)
                    _bounded(size, limit, room)
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
    return digest.hexdigest()


def _bounded(size: int, limit: int, room: int) -> None:
    if size <= limit:
        return
    if limit == room:
        raise Failed(
            FailureReason.STORE_FULL,
            f"cannot stage the artifact: the store has room for {room} bytes (80 % of sizeLimit)",
        )
    raise Failed(
        FailureReason.TOO_LARGE, f"cannot fetch the artifact: it is larger than {limit} bytes"
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
