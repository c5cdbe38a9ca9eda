"""Fetches an artifact over http and https: streamed, bounded, hashed while it is written."""

import hashlib
import os
import ssl
from pathlib import Path, PurePosixPath

import aiohttp

from hotupgrade_agent.store import Store
from hotupgrade_agent.upgrade import Failed
from hotupgrade_api.agent_messages import FailureReason
from hotupgrade_api.resource import Artifact

CHUNK_BYTES = 256 << 10
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 30.0  # without a byte
TOTAL_SECONDS = 1800.0


async def stage(artifact: Artifact, store: Store) -> Path:
    """Returns the verified file on the store; it is not fetched again where it lies there already.

    Raises Failed: FetchFailed, ArtifactTooLarge, StoreFull, DigestMismatch or Unsupported.
    """
    sha256 = artifact.sha256
    if artifact.source is None or artifact.source.http is None or sha256 is None:
        raise Failed(
            FailureReason.UNSUPPORTED, "cannot fetch: artifact.source.http and sha256 are needed"
        )
    name = PurePosixPath(artifact.replaces).name or "program"
    target = store.blob(sha256, name)
    if target.exists() and _digest(target) == sha256:
        return target
    partial = store.partial(sha256)
    try:
        got = await _download(artifact.source.http.url, artifact, store, partial)
        if got != sha256:
            raise Failed(
                FailureReason.DIGEST_MISMATCH,
                f"{artifact.source.http.url}: sha256 is {got}, the spec says {sha256}",
            )
        return store.admit(partial, sha256, name)
    except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
        why = str(error) or type(error).__name__
        raise Failed(
            FailureReason.FETCH_FAILED, f"cannot fetch {artifact.source.http.url}: {why}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


async def _download(url: str, artifact: Artifact, store: Store, partial: Path) -> str:
    room = store.room_bytes()
    limit = min(artifact.size_limit_bytes, room)
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
                os.fsync(file.fileno())
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
