"""The errors of Beatloom, one tree.

    BeatloomError
    ├── Retryable          try again, after a while
    │   ├── InputMissing   an artifact is gone; the ledger has it made again
    │   └── NotTaken       a receiver did not take its webhook
    ├── Permanent          trying again can't help
    │   ├── BudgetExceeded
    │   └── Refused        a receiver wants no webhook
    ├── JobCancelled       somebody ended the run
    └── Malformed          the message itself can't be read

Handlers and adapters raise these and nothing else on purpose; any other exception counts as
`Retryable` with the code `unexpected`. What a code means, its HTTP status and what to do next stand in
`libs.contracts.codes`, once.
"""

from __future__ import annotations

from libs.contracts.codes import CODES, Code


class BeatloomError(Exception):
    """The base of all. `code` is a slug of `CODES`; `message` is for people and holds no secret."""

    def __init__(self, code: str, message: str = "", *, hint: str = "") -> None:
        entry = CODES[code]
        self.code = code
        self.message = message or entry.title
        self.hint = hint or entry.hint
        super().__init__(f"{self.code}: {self.message}")

    @property
    def entry(self) -> Code:
        """The row of the table that this error's code names."""
        return CODES[self.code]


class Retryable(BeatloomError):
    """The same work may succeed later. `after` is the wait in seconds that the cause asks for, if any."""

    def __init__(self, code: str, message: str = "", *, hint: str = "", after: float | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.after = after


class InputMissing(Retryable):
    """The artifact with the digest `sha256` is not in the store."""

    def __init__(self, sha256: str) -> None:
        super().__init__("input_missing", f"The artifact {sha256[:12]}... is gone.")
        self.sha256 = sha256


class NotTaken(Retryable):
    """A receiver answered, and did not take its webhook.

    status: HTTP. answer: the beginning of the body, which is the receiver's text.
    """

    def __init__(self, message: str, *, status: int, answer: str, after: float | None = None) -> None:
        super().__init__("delivery_failed", message, after=after)
        self.status = status
        self.answer = answer


class Permanent(BeatloomError):
    """The same work will fail again: the input or the order itself has to change."""


class Refused(Permanent):
    """A receiver wants no webhook. `status` and `answer` as for NotTaken."""

    def __init__(self, message: str, *, status: int, answer: str) -> None:
        super().__init__("delivery_refused", message)
        self.status = status
        self.answer = answer


class BudgetExceeded(Permanent):
    """The work would cost more than its ceiling."""

    def __init__(self, message: str = "") -> None:
        super().__init__("budget_exceeded", message)


class JobCancelled(BeatloomError):
    """The run has ended while this work was under way; its result is not wanted any more."""

    def __init__(self, message: str = "") -> None:
        super().__init__("job_cancelled", message)


class Malformed(BeatloomError):
    """The message can't be read. It is dead at once: delivering it again changes nothing."""

    def __init__(self, message: str = "") -> None:
        super().__init__("malformed_message", message)


def is_retryable(error: BaseException) -> bool:
    """True unless the error says that trying again can't help."""
    return not isinstance(error, (Permanent, JobCancelled, Malformed))


def code_of(error: BaseException) -> str:
    """The stable code that stands for any exception: its own, or `unexpected`."""
    return error.code if isinstance(error, BeatloomError) else "unexpected"
