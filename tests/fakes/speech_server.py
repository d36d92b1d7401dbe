"""A double of a speech server: takes `POST /v1/audio/speech` and answers with real sound, or misbehaves."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
Fault = Callable[["Exchange"], None]

RATE = 24_000
LETTER_S = 0.05
SILENCE_S = 0.4
"""Before and after what it says, as many servers leave it."""
PATIENCE_S = 20.0
_CODECS = {"mp3": "libmp3lame", "flac": "flac", "opus": "libopus", "wav": "pcm_s16le", "aac": "aac"}
_FILES = {"opus": "ogg", "aac": "adts"}
_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


class Exchange(BaseHTTPRequestHandler):
    """One request; faults write what they like to it."""

    double: SpeechDouble
    order: dict[str, Any]

    def do_GET(self) -> None:
        self.double.looks += 1
        status = self.double.models_status
        self.answer(status, b'{"data": []}' if status == 200 else b"no", {"content-type": "application/json"})

    def do_POST(self) -> None:
        double = self.double
        order = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.order = order
        double.orders.append(order)
        double.keys.append(self.headers.get("authorization", ""))
        double.paths.append(self.path)
        double.asked.set()
        try:
            (double.faults.pop(0) if double.faults else well)(self)
        except (BrokenPipeError, ConnectionResetError):
            double.hung_up.set()

    def answer(self, status: int, body: bytes, headers: dict[str, str], *, length: int | None = None) -> None:
        """length: what it says that the body has; None: the truth."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@dataclass
class SpeechDouble:
    """What it was asked, and how it answers."""

    url: str = ""
    orders: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The Authorization header of each order."""
    paths: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    """One for each of the next orders."""
    says: dict[str, tuple[Sound, int]] = field(default_factory=dict)
    """Sound and rate by text; a tone for all others."""
    channels: int = 1
    models_status: int = 200
    looks: int = 0
    asked: threading.Event = field(default_factory=threading.Event)
    """Set when an order has come."""
    hung_up: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away while it answered."""

    def file(self, text: str, kind: str) -> bytes:
        """What it sends for a text."""
        sound, rate = self.says.get(text) or (tone(len(text) * LETTER_S), RATE)
        silence = np.zeros(round(SILENCE_S * rate), np.float32)
        return encoded(np.concatenate([silence, sound, silence]), rate, kind, self.channels)


def tone(seconds: float, level: float = 0.3) -> Sound:
    """A hum at RATE."""
    at = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 150 * at) * (1 + 0.3 * np.sin(2 * np.pi * 5 * at))).astype(np.float32)


def encoded(sound: Sound, rate: int, kind: str, channels: int = 1) -> bytes:
    """The sound as a file."""
    out = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(out, "w", format=_FILES.get(kind, kind)) as file:
        stream: Any = file.add_stream(_CODECS[kind], 48_000 if kind == "opus" else rate, layout=layout)
        samples = np.repeat((sound * 32767).astype(np.int16), channels)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.format.name, layout=layout, rate=stream.rate, frame_size=stream.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return out.getvalue()


def well(exchange: Exchange) -> None:
    """No fault at all: what was asked for."""
    kind = exchange.order["response_format"]
    data = exchange.double.file(exchange.order["input"], kind)
    exchange.answer(200, data, {"content-type": _TYPES.get(kind, f"audio/{kind}")})


def status(code: int, body: bytes | str = b"", **headers: str) -> Fault:
    """Answers so. Names of headers with `_` for `-`."""
    data = body.encode() if isinstance(body, str) else body
    named = {"content-type": "application/json"} | {name.replace("_", "-"): told for name, told in headers.items()}
    return lambda exchange: exchange.answer(code, data, named)


def half(exchange: Exchange) -> None:
    """The connection breaks in the middle of the file."""
    data = exchange.double.file("half of this", "wav")
    exchange.answer(200, data[: len(data) // 2], {"content-type": "audio/wav"}, length=len(data))


def cut(exchange: Exchange) -> None:
    """Half a file that is said to be whole."""
    data = exchange.double.file("half of this", "wav")
    exchange.answer(200, data[: len(data) // 2], {"content-type": "audio/wav"})


def endless(exchange: Exchange) -> None:
    """A body without an end."""
    exchange.send_response(200)
    exchange.send_header("content-type", "audio/wav")
    exchange.end_headers()
    exchange.wfile.write(exchange.double.file("on and on", "wav"))
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        exchange.wfile.write(bytes(1 << 16))


def never(exchange: Exchange) -> None:
    """No answer; it waits until the client goes."""
    exchange.connection.settimeout(PATIENCE_S)
    with suppress(OSError):
        if not exchange.rfile.read(1):
            exchange.double.hung_up.set()


def drip(exchange: Exchange) -> None:
    """A byte at a time, each long before anybody would give up waiting for the next."""
    exchange.send_response(200)
    exchange.send_header("content-type", "audio/wav")
    exchange.end_headers()
    for byte in exchange.double.file("drop by drop", "wav"):
        exchange.wfile.write(bytes([byte]))
        exchange.wfile.flush()
        time.sleep(0.05)


def hang_up(exchange: Exchange) -> None:
    """The connection ends without an answer."""
    exchange.close_connection = True


@contextmanager
def speech_server() -> Iterator[SpeechDouble]:
    """One on a free port of the loopback."""
    double = SpeechDouble()
    handler = type("Handler", (Exchange,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
