"""The demo's web server: plain http.server, nothing of hotupgrade in it. It is the artifact."""

TEXT = """\
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION, STATUS = {version!r}, {status!r}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        health = self.path == "/health"
        body = json.dumps({{"status": STATUS}}) if health else VERSION
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def text(version: str, status: str = "UP") -> str:
    """status DOWN: a version that listens, but never becomes healthy."""
    return TEXT.format(version=version, status=status)
