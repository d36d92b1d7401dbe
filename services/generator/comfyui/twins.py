"""Which names mean one and the same server: two entries of the list, or a name and an address behind another. Pure.

Names with the same mark (the server's epoch, which stands among its temporary files) are taken for one server until
the contrary is seen, since two servers may share a folder: a prompt that stood in the queue of one before and after
the other was asked, which hadn't it. A prompt that was sent by one name and stands in the queue of the other proves
that they are one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Pair = frozenset[str]


class Twins:
    """What is known of names that were asked."""

    def __init__(self) -> None:
        self._epochs: dict[str, str] = {}
        self._marked: dict[str, set[str]] = {}
        """Names by epoch."""
        self._queues: dict[str, frozenset[str]] = {}
        """By name, the prompts that stood there when it was asked last."""
        self._one: set[Pair] = set()
        self._two: set[Pair] = set()
        self._missing: dict[tuple[str, str], str] = {}
        """A prompt of the first name that the second hadn't when it was asked."""

    def told(self, name: str, epoch: str) -> None:
        """The epoch of a server; empty when it can't be told."""
        if self._epochs.get(name) != epoch:
            self.forget(name)
            self._epochs[name] = epoch
            if epoch:
                self._marked.setdefault(epoch, set()).add(name)

    def looked(self, name: str, queue: Collection[str], sent: Mapping[str, str]) -> bool:
        """What stands in the queue of a name. sent: by prompt of ours, its name. True: more is known."""
        here, known = frozenset(queue), (len(self._one), len(self._two))
        for prompt in here:
            other = sent.get(prompt, name)
            if other != name:
                self._one.add(frozenset((name, other)))
        for other in self._marked.get(self._epochs.get(name, ""), ()):
            pair = frozenset((name, other))
            if other != name and pair not in self._one and pair not in self._two:
                self._doubt(name, other, here)
        self._queues[name] = here
        return (len(self._one), len(self._two)) != known

    def _doubt(self, name: str, other: str, here: frozenset[str]) -> None:
        if self._missing.pop((name, other), None) in here:
            self._two.add(frozenset((name, other)))
        elif there := self._queues.get(other, frozenset()) - here:
            self._missing[other, name] = min(there)

    def same(self, name: str, other: str) -> bool:
        """Whether two names are taken for one server."""
        pair = frozenset((name, other))
        if pair in self._one or pair in self._two:
            return pair in self._one
        return name in self._marked.get(self._epochs.get(other, ""), ())

    def forget(self, name: str) -> None:
        """The name means nothing any more, or a server that was started anew."""
        epoch = self._epochs.pop(name, "")
        names = self._marked.get(epoch, set())
        names.discard(name)
        if not names:
            self._marked.pop(epoch, None)
        self._queues.pop(name, None)
        self._one = {pair for pair in self._one if name not in pair}
        self._two = {pair for pair in self._two if name not in pair}
        self._missing = {names: prompt for names, prompt in self._missing.items() if name not in names}
