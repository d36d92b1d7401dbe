"""An HTTP server that does as it is told: what no real part can be brought to answer when a test wants it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as an object."""
        decoded: dict[str, object] = json.loads(self.body)
        return decoded


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(status: int, body: object, **headers: str) -> Reply:
    """An answer of JSON; an underscore in a header's name stands for a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"content-type": "application/json", **named})


Script = Callable[[Request], Reply | None]
"""None: it hangs up without an answer."""


@contextmanager
def scripted(port: int, script: Script) -> Iterator[list[Request]]:
    """Serve on a port of the loopback; gives the requests that have come."""
    came: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            came.append(request)
            answer = script(request)
            self.close_connection = True
            if answer is None:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = handle_one

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
