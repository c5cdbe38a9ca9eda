"""Reads from the API server as the administrator; starting kubectl each time costs more."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

SECONDS = 10.0


class ApiUnreachable(Exception):
    """It does not answer, or not yet."""


class Api:
    """Of the kubeconfig that pki.py writes."""

    def __init__(self, kubeconfig: Path) -> None:
        written = json.loads(kubeconfig.read_text())
        cluster, user = written["clusters"][0]["cluster"], written["users"][0]["user"]
        self._server = cluster["server"]
        self._context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._context.load_cert_chain(user["client-certificate"], user["client-key"])

    def text(self, path: str) -> str | None:
        """None: there is no such thing. Raises ApiUnreachable."""
        try:
            with urllib.request.urlopen(
                self._server + path, context=self._context, timeout=SECONDS
            ) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise ApiUnreachable(f"{path}: {error.code} {error.read()[:300]!r}") from error
        except OSError as error:
            raise ApiUnreachable(f"{path}: {error}") from error

    def get(self, path: str) -> Any:
        """The decoded answer, None where there is no such thing. Raises ApiUnreachable."""
        text = self.text(path)
        return None if text is None else json.loads(text)

    def lines(self, path: str, seconds: float) -> Iterator[bytes]:
        """Those of a watch, as they come, until it ends. seconds: the longest without any.
        Raises ApiUnreachable."""
        try:
            with urllib.request.urlopen(
                self._server + path, context=self._context, timeout=seconds
            ) as answer:
                yield from answer
        except (OSError, HTTPException) as error:
            raise ApiUnreachable(f"{path}: {error}") from error
