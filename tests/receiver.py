"""A webhook receiver that verifies signatures and remembers what came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from standardwebhooks import Webhook


@dataclass
class Receiver:
    """What came, by `webhook-id`, with how often."""

    url: str
    secret: str
    bodies: dict[str, dict[str, object]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    forged: int = 0


@contextmanager
def receiver(secret: str) -> Iterator[Receiver]:
    """A receiver on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                Webhook(secret).verify(body, headers)
            except Exception:
                state.forged += 1
                self.send_response(401)
            else:
                key = headers["webhook-id"]
                state.bodies[key] = msgspec.json.decode(body)
                state.times[key] = state.times.get(key, 0) + 1
                self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Receiver(url=f"http://127.0.0.1:{server.server_port}/hook", secret=secret)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
