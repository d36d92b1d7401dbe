"""The HTTP surface of a double, every route also under /api."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from typing import Any

from tests.fakes.comfyui import catalogue, files, jobs
from tests.fakes.comfyui.engine import Prompt, Server
from tests.fakes.comfyui.http import Answer, Broken, Receive, Request, Scope, Send, read, reply, trouble
from tests.fakes.comfyui.switches import changed
from tests.fakes.comfyui.validation import Refused, Validator, check_classes, outputs_of

_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:"
_FEATURES_OF_OLD = {"supports_preview_metadata": True, "max_upload_size": 104857600}
_FEATURES = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": 104857600,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}


class Application:
    """A server as an ASGI application."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or one websocket. Raises Broken where the connection is to break."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        request = await read(scope, receive)
        await asyncio.sleep(self._server.switches.answer_s)
        answer = self.answer(request)
        answer.headers.setdefault("content-security-policy", _POLICY)
        await reply(answer, send)

    @property
    def features(self) -> dict[str, Any]:
        """As /features and the socket tell them."""
        return _FEATURES_OF_OLD if self._server.switches.old else _FEATURES

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = self._server
        path = scope["path"].removeprefix("/api")
        refused = any(name == b"origin" for name, _ in scope["headers"]) or server.switches.socket == "refused"
        if path != "/ws" or refused:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        server.sockets.silent = server.switches.socket in ("silent", "deaf")
        server.sockets.life_events = server.switches.socket_life_events

        def greet(client_id: str) -> list[tuple[str, dict[str, Any]]]:
            server.on_socket()
            info = {"status": {"exec_info": {"queue_remaining": server.remaining}}, "sid": client_id}
            events: list[tuple[str, dict[str, Any]]] = [("status", info)]
            running = server.running
            if running is not None and running.client_id == client_id and server.last_node is not None:
                events.append(("executing", {"node": server.last_node}))
            return events

        await server.sockets.serve(scope, receive, send, greet=greet, features=self.features)

    def answer(self, request: Request) -> Answer:
        """What a route gives. Raises Broken."""
        path = request.path.removeprefix("/api") or "/"
        route, _, rest = path.lstrip("/").partition("/")
        self._server.counts.requests[f"{request.method} /{route}"] += 1
        if "origin" in request.headers:
            return Answer(403)
        under_api = request.path.startswith("/api/")
        method = "get" if request.method == "HEAD" else request.method.lower()
        handler = getattr(self, f"_{method}_{route}", None)
        if handler is None or (route == "jobs" and (self._server.switches.old or not under_api)):
            return Answer(404, b"", {"content-type": "application/octet-stream"})
        try:
            found: Answer = handler(request, rest)
        except (ValueError, TypeError, AttributeError):  # as the real one does with a body that it did not expect
            return trouble()
        return found

    # reading

    def _get_system_stats(self, request: Request, rest: str) -> Answer:
        how = self._server.switches
        free = max(how.vram_bytes - sum(self._server.resident.values()), 0)
        system = {
            "os": "linux" if not how.old else "posix",
            "ram_total": 128 << 30,
            "ram_free": 100 << 30,
            "comfyui_version": how.version,
            "required_frontend_version": "1.49.6",
            "installed_templates_version": "0.11.44",
            "required_templates_version": "0.11.44",
            "comfy_package_versions": [],
            "python_version": "3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]",
            "pytorch_version": "2.13.0+cu130",
            "embedded_python": False,
            "deploy_environment": "local-git",
            "argv": ["main.py", "--listen", "127.0.0.1"],
        }
        device = {
            "name": how.gpu, "type": "cuda", "index": 0, "vram_total": how.vram_bytes, "vram_free": free,
            "torch_vram_total": how.vram_bytes, "torch_vram_free": free,
        }  # fmt: skip
        return Answer.of({"system": system, "devices": [device]})

    def _get_features(self, request: Request, rest: str) -> Answer:
        return Answer.of(self.features)

    def _get_object_info(self, request: Request, rest: str) -> Answer:
        nodes = self._server.nodes()
        if not rest:
            return Answer.of(nodes)
        return Answer.of({rest: nodes[rest]} if rest in nodes else {})

    def _get_models(self, request: Request, rest: str) -> Answer:
        if not rest:
            return Answer.of(list(catalogue.FOLDERS))
        return Answer.of(self._server.models.get(rest, [])) if rest in catalogue.FOLDERS else Answer(404)

    def _get_embeddings(self, request: Request, rest: str) -> Answer:
        return Answer.of([])

    def _get_extensions(self, request: Request, rest: str) -> Answer:
        return Answer.of([])

    def _get_prompt(self, request: Request, rest: str) -> Answer:
        return Answer.of({"exec_info": {"queue_remaining": self._server.remaining}})

    def _get_queue(self, request: Request, rest: str) -> Answer:
        running = self._server.running
        pending = [entry[2].listed for entry in self._server.pending]
        return Answer.of({"queue_running": [running.listed] if running else [], "queue_pending": pending})

    def _get_history(self, request: Request, rest: str) -> Answer:
        history = self._server.history
        if rest:
            return Answer.of({rest: history[rest]} if rest in history else {})
        most = int(request.query["max_items"]) if "max_items" in request.query else None
        offset = int(request.query.get("offset", -1))
        entries = list(history.items())
        if offset < 0:
            offset = max(len(entries) - most, 0) if most is not None else 0
        chosen = entries[offset:] if most is None else entries[offset : offset + most]
        return Answer.of(dict(chosen))

    def _get_jobs(self, request: Request, rest: str) -> Answer:
        if rest:
            found = [job for job in self._jobs(full=True) if job["id"] == rest]
            return Answer.of(found[0]) if found else Answer.of({"error": "Job not found"}, 404)
        try:
            return Answer.of(jobs.page(self._jobs(full=False), request.query))
        except ValueError as error:
            return Answer.of({"error": str(error)}, 400)

    def _jobs(self, *, full: bool) -> list[jobs.Job]:
        server = self._server
        running = [jobs.waiting(server.running, "in_progress")] if server.running else []
        pending = [jobs.waiting(entry[2], "pending") for entry in server.pending]
        return [*running, *pending, *(jobs.ended(entry, full=full) for entry in server.history.values())]

    def _get_view(self, request: Request, rest: str) -> Answer:
        how = self._server.switches
        self._server.counts.downloads += 1
        cut = how.n_cut_downloads > 0
        answer = files.view(self._server.folder, request, cut=cut)
        if answer.cut_at >= 0:
            self._server.changes(n_cut_downloads=how.n_cut_downloads - 1)
        return answer

    # writing

    def _post_upload(self, request: Request, rest: str) -> Answer:
        if rest not in ("image", "mask"):
            return Answer(404)
        self._server.counts.uploads += 1
        return files.upload(self._server.folder, request, rename=self._server.switches.upload_renames)

    def _post_queue(self, request: Request, rest: str) -> Answer:
        body = request.json()
        if body.get("clear"):
            self._server.clear()
        for prompt_id in body.get("delete", []):
            self._server.delete(prompt_id)
        return Answer()

    def _post_history(self, request: Request, rest: str) -> Answer:
        body = request.json()
        if body.get("clear"):
            self._server.history.clear()
        for prompt_id in body.get("delete", []):
            self._server.history.pop(prompt_id, None)
        return Answer()

    def _post_interrupt(self, request: Request, rest: str) -> Answer:
        body = request.json() if request.body else {}
        self._server.interrupt(body.get("prompt_id"))
        return Answer()

    def _post_free(self, request: Request, rest: str) -> Answer:
        body = request.json()
        if body.get("unload_models") or body.get("free_memory"):
            self._server.free()
        return Answer()

    def _post_jobs(self, request: Request, rest: str) -> Answer:
        one, _, verb = rest.rpartition("/")
        if verb != "cancel":
            return Answer(404)
        wanted = [one] if one else request.json()["job_ids"]
        if not one and (wrong := [job for job in wanted if not _is_uuid(job)]):
            return Answer.of({"error": "job_ids contains invalid id(s)", "invalid_ids": wrong}, 400)
        done = [self._server.delete(job) or self._server.interrupt(job) for job in wanted]
        return Answer.of({"cancelled": any(done)})

    def _post_prompt(self, request: Request, rest: str) -> Answer:
        server = self._server
        how = changed(server.switches, server.next_changes[0] if server.next_changes else {})
        if how.refuse_status:
            self._take_changes()
            return Answer(how.refuse_status)
        if how.lost_answer == "before":
            self._take_changes()
            raise Broken
        body = request.json()
        number = float(body["number"]) if "number" in body else server.next_number()
        if "number" not in body and body and isinstance(body, dict) and body.get("front"):
            number = -number
        try:
            prompt, errors = self._accepted(body, number, old=how.old)
        except Refused as error:
            return Answer.of(error.answer, 400)
        prompt.changes = self._take_changes()
        if how.partial:
            errors |= _partial(prompt)
        server.add(prompt)
        if how.crash == "accepted":
            server.crash()
            raise Broken
        if how.lost_answer == "after":
            raise Broken
        return Answer.of({"prompt_id": prompt.id, "number": number, "node_errors": errors})

    def _take_changes(self) -> dict[str, Any]:
        waiting = self._server.next_changes
        return waiting.pop(0) if waiting else {}

    def _accepted(self, body: Any, number: float, *, old: bool) -> tuple[Prompt, dict[str, Any]]:
        """Raises Refused, and whatever a body of the wrong shape gives."""
        if not isinstance(body, dict) or "prompt" not in body:
            raise Refused("no_prompt", "No prompt provided", "No prompt provided")
        prompt_id = _prompt_id(body, old=old)
        graph = copy.deepcopy(body["prompt"])
        nodes = self._server.nodes()
        check_classes(graph, nodes, old=old)
        outputs = outputs_of(graph, nodes, body.get("partial_execution_targets"))
        validator = Validator(graph, nodes, self._server.uploads())
        good = validator.good_outputs(outputs)
        if not good:
            refusal = Refused("prompt_outputs_failed_validation", "Prompt outputs failed validation")
            refusal.answer["node_errors"] = validator.node_errors
            raise refusal
        extra = dict(body.get("extra_data", {}))
        if "client_id" in body:
            extra["client_id"] = body["client_id"]
        if not old:
            extra["create_time"] = int(time.time() * 1000)
        prompt = Prompt(number=number, id=prompt_id, graph=graph, extra=extra, outputs=good, changes={})
        return prompt, validator.node_errors


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _prompt_id(body: dict[str, Any], *, old: bool) -> str:
    if old:
        return str(body["prompt_id"]) if "prompt_id" in body else str(uuid.uuid4())
    given = body.get("prompt_id")
    if given is None:
        return str(uuid.uuid4())
    if not _is_uuid(given):
        form = "prompt_id must be a UUID string in canonical lowercase hyphenated form"
        details = f"{form}; omit it to let the server generate one"
        raise Refused("invalid_prompt_id", "prompt_id must be a valid UUID", details)
    return str(given)


def _partial(prompt: Prompt) -> dict[str, Any]:
    node = prompt.outputs[0]
    extra = {"input_name": "images"}
    error = {
        "type": "required_input_missing",
        "message": "Required input is missing",
        "details": "images",
        "extra_info": extra,
    }
    node_class = prompt.graph[node]["class_type"]
    return {node: {"errors": [error], "dependent_outputs": [node], "class_type": node_class}}
