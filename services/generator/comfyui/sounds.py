"""Sounds by workflows: speech and music are asked for in the same way, and fail under names of their own."""

from __future__ import annotations

from typing import Literal

from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import BudgetExceeded, Permanent, Retryable
from libs.runtime.scratch import Scratch
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.request import Request

What = Literal["voice", "music"]
"""With it the codes of failures begin."""


async def make_sound(
    what: What, request: Request, kept: Kept, scratch: Scratch, context: TaskContext
) -> tuple[Blob, int]:
    """The sound of a request, and by which seed. scratch must be open.

    Raises Permanent (`what`_unavailable, `what`_failed) where no server can, or three prompts gave nothing;
    Retryable(`what`_unavailable) where none answers; BudgetExceeded.
    """
    async with scratch.folder() as folder:
        try:
            return await kept.make(request, context.task.owner, folder, context)
        except BudgetExceeded:
            raise
        except Permanent as error:
            code = f"{what}_unavailable" if error.code.startswith("workflow_") else f"{what}_failed"
            raise Permanent(code, f"{error.message} ({error.code})", hint=error.hint) from error
        except Retryable as error:
            if error.code != "no_gpu_server":
                raise
            code = f"{what}_unavailable"
            raise Retryable(code, error.message, hint=error.hint, after=error.after) from error
