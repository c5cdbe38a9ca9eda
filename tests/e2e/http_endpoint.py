"""A small HTTP server of a test: answers GET, and keeps what was POSTed, by path."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"


class Endpoint:
    """Serves from construction to close()."""

    def __init__(self, answer: Callable[[], Any] = dict) -> None:
        """answer: what a GET gets, as JSON."""
        posted: dict[str, list[Any]] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answer()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posted.setdefault(self.path, []).append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """What matters is in what was posted."""

        self._posted = posted
        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def posted(self, path: str) -> list[Any]:
        """Oldest first."""
        return list(self._posted.get(path, []))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
