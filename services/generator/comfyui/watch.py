"""One prompt of ours on a server, as far as it is known now. Pure: it is told what was seen, and when."""

from __future__ import annotations

from services.generator.comfyui.truth import (
    GRACE_S,
    Done,
    Failed,
    Lost,
    Queued,
    Running,
    Sighting,
    Standing,
    Unknown,
    standing,
)

ENDS = (Done, Failed, Lost)


class Watch:
    """What is known of the prompt `prompt_id`, which was given to the server when it had this epoch.

    Times are in seconds of one clock that never goes back.
    """

    def __init__(self, prompt_id: str, epoch: str, now: float) -> None:
        self.prompt_id = prompt_id
        self.epoch = epoch
        self.standing: Standing = Unknown()
        self.seen_at = now
        """When the server last showed that it has the prompt, or took it. At first: when the watch began."""
        self.moves = 0
        """How often it was heard to get further: a node began, a step was done."""
        self.running_since: float | None = None
        self.first_step_at: float | None = None
        """When the first step of a sampler was done: until then models were loaded."""
        self.fraction = 0.0
        """Of the node that counts its steps, how far it is."""
        self._sending = False
        self._seen = False
        self._absent_since: float | None = None

    @property
    def over(self) -> bool:
        """True when nothing more will come."""
        return isinstance(self.standing, ENDS)

    def sending(self) -> None:
        """It is on its way, with its files: that it is nowhere yet means nothing."""
        self._sending = True

    def sent(self, now: float) -> None:
        """It went out; whether it was taken will be seen."""
        self._sending, self.seen_at = False, now

    def accepted(self, now: float) -> None:
        """The server said that it took the prompt."""
        self.sent(now)
        self._seen = True

    def saw(self, sighting: Sighting, epoch: str, now: float) -> bool:
        """Take in what the server said. True when the standing is another one now."""
        if self.over:
            return False
        before, found = self.standing, self._judge(sighting, epoch, now)
        if self._sending and isinstance(found, Unknown | Lost):
            return False
        self.standing = found
        match self.standing:
            case Queued() | Running():
                self._seen, self._absent_since, self.seen_at = True, None, now
                if isinstance(self.standing, Running) and self.running_since is None:
                    self.running_since = now
            case Unknown() if self._absent_since is None:
                self._absent_since = now
        return self.standing != before

    def _judge(self, sighting: Sighting, epoch: str, now: float) -> Standing:
        return standing(
            self.prompt_id,
            sighting,
            same_epoch=not (self.epoch and epoch) or epoch == self.epoch,
            seen_before=self._seen,
            absent_s=0.0 if self._absent_since is None else now - self._absent_since,
            grace_s=GRACE_S,
        )

    def began(self, now: float) -> None:
        """A node began."""
        self._moved(now)

    def stepped(self, value: float, maximum: float, now: float) -> None:
        """A node did a step."""
        if maximum > 0:
            self.fraction = min(max(value / maximum, 0.0), 1.0)
        if self.first_step_at is None:
            self.first_step_at = now
        self._moved(now)

    def _moved(self, now: float) -> None:
        if self.running_since is None:
            self.running_since = now
        self.seen_at = now
        self.moves += 1

    def ran(self, now: float) -> float:
        """Seconds that it has run so far, or ran."""
        return 0.0 if self.running_since is None else now - self.running_since
