"""What can go wrong between us and a ComfyUI server, one tree.

    ComfyError
    ├── Unreachable        no answer, or the answer of something in between
    ├── Refused            an answer that is no result: its HTTP status, or a body that can't be read
    ├── InvalidGraph       the server's validation said no; the node and the input are named
    │   ├── MissingNode    it lacks the class
    │   ├── MissingModel   it lacks the model file
    │   └── MissingInput   it lacks a file that was uploaded
    ├── ExecutionFailed    a node raised
    │   └── OutOfMemory
    ├── Interrupted        somebody stopped the prompt
    ├── PromptLost         the server knows nothing of it any more
    └── OutputGone         the prompt is done, its file isn't there

`infrastructure` says whether the server is to blame: those count for its breaker. The others blame the graph,
or nobody.
"""

from __future__ import annotations

from typing import Literal

SICK = ("AcceleratorError", "CudaError")
"""Kinds of exception after which nothing more succeeds on that GPU until its server is started anew."""

MEMORY = ("OutOfMemoryError", "MemoryError")

LETTERS = 500
"""Of a server's words, how many are kept."""
_NAME_LETTERS = 200


def brief(text: str, letters: int = LETTERS) -> str:
    """A server's words on one line, without what a terminal or a log would take for more than words."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * letters])
    line = " ".join(shown.split())
    return line if len(line) <= letters else f"{line[: letters - 1]}…"


class ComfyError(Exception):
    """The base of all. Its text is for people, one line of at most `LETTERS`, and holds no secret."""

    infrastructure = False

    def __init__(self, message: str = "") -> None:
        super().__init__(brief(message))


class Unreachable(ComfyError):
    """No answer. `after` is how many seconds were waited.

    `reached` is False where the request surely never arrived; where it is True, what was asked may have been done.
    `refused` is True where it was said at once that nobody is there; a silent network says nothing of the kind.
    """

    infrastructure = True

    def __init__(self, message: str, *, after: float, reached: bool, refused: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.reached = reached
        self.refused = refused


class Refused(ComfyError):
    """An answer that is no result. `status` is the HTTP status; 200 means that the body could not be read."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.infrastructure = status < 400 or status in (401, 403) or status >= 500


class InvalidGraph(ComfyError):
    """The graph did not pass validation. `kind` is the server's own slug; unknown parts are "".

    `others` has what else is wrong with the graph, on the error that is raised.
    """

    def __init__(
        self, message: str, *, kind: str, node_id: str = "", class_type: str = "", input: str = ""
    ) -> None:
        node_id, class_type, input = (brief(name, _NAME_LETTERS) for name in (node_id, class_type, input))
        where = f"node {node_id} ({class_type or 'class unknown'})" if node_id else "the graph"
        super().__init__(f"{where}{f', input {input}' if input else ''}: {message}")
        self.kind = kind
        self.node_id = node_id
        self.class_type = class_type
        self.input = input
        self.others: tuple[InvalidGraph, ...] = ()


class MissingNode(InvalidGraph):
    """The server has no node of the class `class_type`."""


class MissingModel(InvalidGraph):
    """The model file `file` is not there; it belongs into `folder` below models/ ("" when that is not known)."""

    def __init__(self, file: str, folder: str, *, kind: str, node_id: str, class_type: str, input: str) -> None:
        place = f"models/{folder}/{file}" if folder else file
        super().__init__(f"{place} is missing", kind=kind, node_id=node_id, class_type=class_type, input=input)
        self.file = file
        self.folder = folder


class MissingInput(InvalidGraph):
    """The uploaded file `file` is not there (any more)."""

    def __init__(self, file: str, *, kind: str, node_id: str, class_type: str, input: str) -> None:
        text = f"the uploaded file {file} is missing"
        super().__init__(text, kind=kind, node_id=node_id, class_type=class_type, input=input)
        self.file = file


class ExecutionFailed(ComfyError):
    """A node raised an exception of the type `kind`."""

    def __init__(self, *, node_id: str, class_type: str, kind: str, message: str) -> None:
        self.infrastructure = _bare(kind) in SICK or "CUDA error" in message
        self.node_id, self.class_type, self.kind = (
            brief(name, _NAME_LETTERS) for name in (node_id, class_type, kind)
        )
        self.message = brief(message)
        super().__init__(f"node {self.node_id} ({self.class_type}): {self.kind}: {self.message}")


class OutOfMemory(ExecutionFailed):
    """A node needed more memory than there was, of the GPU or of the machine."""


class Interrupted(ComfyError):
    """The prompt was stopped before its end, at the node `node_id`; "" when it had not begun."""

    def __init__(self, node_id: str = "") -> None:
        super().__init__(f"interrupted at node {node_id}" if node_id else "cancelled before it began")
        self.node_id = node_id


class PromptLost(ComfyError):
    """The server knows nothing of the prompt.

    `restarted`: it was started anew and has lost all. `vanished`: it had the prompt, and has it no more.
    `never_arrived`: it never had it.
    """

    def __init__(self, reason: Literal["restarted", "vanished", "never_arrived"]) -> None:
        super().__init__(f"the prompt is lost: {reason.replace('_', ' ')}")
        self.reason = reason
        self.infrastructure = reason == "restarted"


class OutputGone(ComfyError):
    """A file that the prompt's history names can't be fetched: it was deleted, or an old run's was named."""

    def __init__(self, file: str) -> None:
        super().__init__(f"the output file {file} is gone")
        self.file = brief(file, _NAME_LETTERS)


def failure(*, node_id: str, class_type: str, kind: str, message: str) -> ExecutionFailed:
    """The error for an exception in a node, by the exception's type."""
    error = OutOfMemory if _bare(kind) in MEMORY else ExecutionFailed
    return error(node_id=node_id, class_type=class_type, kind=kind, message=message.strip())


def _bare(kind: str) -> str:
    return kind.rpartition(".")[2]
