"""Server-sent events out of lines of text: the client's side. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """One event. `id` is the last id that the stream has told so far, empty at first."""

    name: str
    data: str
    id: str


class EventParser:
    """Takes the stream line by line. `last_id` and `retry_s` are what a reconnect needs.

    A parser is kept over reconnects; `restart` drops the event that the broken connection left half told.
    """

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_s = 1.0
        self._id = ""
        self._name = ""
        self._data: list[str] = []

    def restart(self) -> None:
        """A new connection begins."""
        self._id, self._name, self._data = self.last_id, "", []

    def feed(self, line: str) -> Event | None:
        """The event that this line (without its end) completes, if it does."""
        if not line:
            name, data = self._name or "message", self._data
            self.last_id = self._id
            self.restart()
            return Event(name, "\n".join(data), self.last_id) if data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1000
        return None
