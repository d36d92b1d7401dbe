"""What a client is told when something goes wrong: RFC 9457 problem details, from the table of codes."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from libs.contracts.codes import CODES
from libs.contracts.errors import BeatloomError, Retryable
from libs.telemetry.requests import request_id

MEDIA_TYPE = "application/problem+json"

_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "file_too_large"}

NO_BODY = "Send a JSON object as the body; `{}` if there is nothing to say."

_log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an answer that is an error."""

    type: str
    """An identifier of the kind of problem: urn:beatloom:problem:<code>."""
    title: str
    """What the code means."""
    status: int
    detail: str
    """What went wrong this time."""
    code: str
    """The stable slug; docs/errors.md has them all."""
    hint: str
    """What to do next."""
    errors: list[dict[str, str]] = []
    """What exactly is not valid: `key` and `message` of each."""
    request_id: str = ""
    """Of the answer's X-Request-Id: name it when you ask somebody."""


def problem_of(error: BeatloomError) -> Problem:
    """The problem that stands for an error of ours."""
    return _problem(error.code, error.entry.status, detail=error.message, hint=error.hint)


def answer_of(error: BeatloomError, headers: dict[str, str]) -> Response[bytes]:
    """The answer to a request that an error of ours ended."""
    return _answer(problem_of(error), headers)


def exception_handlers() -> ExceptionHandlersMap:
    """How every exception becomes an answer."""
    return {BeatloomError: _ours, HTTPException: _of_http, RecursionError: _too_deep, Exception: _unknown}


def _ours(request: Request[Any, Any, Any], error: BeatloomError) -> Response[bytes]:
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("answered %s", error, extra={"code": error.code, "path": request.url.path})
    headers: dict[str, str] = {}
    if isinstance(error, Retryable) and error.after is not None:
        headers["Retry-After"] = str(math.ceil(error.after))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(problem, headers)


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own: no such route, a method that isn't taken, a request that is not valid."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unknown(request, error)
    code = _CODE_OF_STATUS.get(error.status_code, "bad_request")
    extra = error.extra if isinstance(error.extra, list) else []
    errors = [{"key": str(item.get("key", "")), "message": _told(item)} for item in extra if isinstance(item, dict)]
    detail = CODES[code].title if code != "bad_request" else error.detail
    return _answer(_problem(code, error.status_code, detail=detail, errors=errors), dict(error.headers or {}))


def _told(item: dict[str, Any]) -> str:
    """What is wrong with one part of a request. Of a missing body Litestar says its parameter's name, no more."""
    message = str(item.get("message", ""))
    return NO_BODY if message == "'data'" else message


def _unknown(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Nothing of it reaches the client; all of it reaches the log."""
    _log.error("a request failed unexpectedly", exc_info=error, extra={"path": request.url.path})
    return _answer(_problem("unexpected", 500), {})


def _too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    """JSON that is nested deeper than any that means something."""
    _log.warning("a request went too deep", exc_info=error, extra={"path": request.url.path})
    return _answer(_problem("bad_request", 400, detail="The body is nested too deep."), {})


def _problem(
    code: str, status: int, *, detail: str = "", hint: str = "", errors: list[dict[str, str]] | None = None
) -> Problem:
    entry = CODES[code]
    return Problem(
        type=f"urn:beatloom:problem:{code}",
        title=entry.title,
        status=status,
        detail=detail or entry.title,
        code=code,
        hint=hint or entry.hint,
        errors=errors or [],
        request_id=request_id(),
    )


def _answer(problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )
