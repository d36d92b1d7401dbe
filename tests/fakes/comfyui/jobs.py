"""/api/jobs, as newer servers have it: queue and history under one form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.comfyui.engine import Prompt

STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")

Job = dict[str, Any]


def waiting(prompt: Prompt, status: str) -> Job:
    """A prompt that is pending or in progress."""
    return {
        "id": prompt.id,
        "status": status,
        "priority": prompt.number,
        "create_time": prompt.extra.get("create_time"),
        "outputs_count": 0,
        "previewable_outputs_count": 0,
        **_workflow_id(prompt.extra),
    }


def ended(entry: Mapping[str, Any], *, full: bool) -> Job:
    """A prompt in history; `full` with its outputs, messages and graph."""
    number, prompt_id, graph, extra, _ = entry["prompt"]
    messages = dict(entry["status"]["messages"])
    files = [
        {**file, "nodeId": node, "mediaType": media}
        for node, output in entry["outputs"].items()
        for media, many in output.items()
        for file in many
        if isinstance(file, dict)
    ]
    job: Job = {
        "id": prompt_id,
        "status": _status(entry["status"], messages),
        "priority": number,
        "create_time": extra.get("create_time"),
        "execution_start_time": messages["execution_start"]["timestamp"],
        "execution_end_time": entry["status"]["messages"][-1][1]["timestamp"],
    }
    if "execution_error" in messages:
        job["execution_error"] = messages["execution_error"]
    job |= {"outputs_count": len(files), "previewable_outputs_count": len(files)}
    if files:
        saved = [file for file in files if file["type"] == "output"]
        job["preview_output"] = (saved or files)[0]
    job |= _workflow_id(extra)
    if full:
        job["outputs"] = entry["outputs"]
        job["execution_status"] = entry["status"]
        job["workflow"] = {"prompt": graph, "extra_data": extra}
    return job


def page(jobs: list[Job], query: Mapping[str, str]) -> Job:
    """The list that is asked for, newest first. Raises ValueError with what is wrong."""
    if wanted := [part for part in query.get("status", "").split(",") if part]:
        if wrong := [part for part in wanted if part not in STATUSES]:
            raise ValueError(f"Invalid status value(s): {', '.join(wrong)}. Valid values: {', '.join(STATUSES)}")
        jobs = [job for job in jobs if job["status"] in wanted]
    jobs = sorted(jobs, key=lambda job: job["create_time"] or 0, reverse=query.get("sort_order") != "asc")
    offset = int(query.get("offset", 0))
    limit = int(query["limit"]) if "limit" in query else None
    shown = jobs[offset:] if limit is None else jobs[offset : offset + limit]
    more = offset + len(shown) < len(jobs)
    return {"jobs": shown, "pagination": {"offset": offset, "limit": limit, "total": len(jobs), "has_more": more}}


def _status(status: Mapping[str, Any], messages: Mapping[str, Any]) -> str:
    if status["status_str"] == "success":
        return "completed"
    return "cancelled" if "execution_interrupted" in messages else "failed"


def _workflow_id(extra: Mapping[str, Any]) -> Job:
    workflow = (extra.get("extra_pnginfo") or {}).get("workflow") or {}
    return {"workflow_id": workflow["id"]} if workflow.get("id") else {}
