"""The flow create-and-wait: it waits for the callback, asks the backend what is true, and saves the video."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.n8n.conftest import KEY, MARKS, Flows
from tests.n8n.scripted import Reply, Request, reply, scripted
from tests.waiting import wait_until

pytestmark = MARKS

VIDEO = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 2000
RECEIVED = {"received": True}
SOON_S = 60.0


class Backend:
    """What is true of one job, told as the backend tells it."""

    def __init__(self, job_id: str, *, start: int = 202) -> None:
        self.job_id = job_id
        self.status: str | None = "queued"
        """None: it hangs up when it is asked."""
        self.run_id: object = None
        self.callback = ""
        self.on_start: Callable[[], None] = lambda: None
        self.asked = 0
        self._start = start

    def __call__(self, request: Request) -> Reply | None:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        if request.path == "/api/v1/orchestrate/start":
            self.callback = str(request.json()["callback_url"])
            self.run_id = request.json().get("run_id")
            assert ("idempotency-key" in request.headers) == (self.run_id is None)
            self.on_start()
            return reply(self._start, {"job_id": self.job_id, "status": "queued"})
        if request.path == f"/api/v1/orchestrate/status/{self.job_id}":
            self.asked += 1
            return reply(200, {"job_id": self.job_id, "status": self.status}) if self.status else None
        assert request.path == f"/api/v1/orchestrate/video/{self.job_id}"
        return Reply(200, VIDEO, {"content-type": "video/mp4"})

    def call_back(self, body: object = None) -> httpx.Response:
        """Say that the job has ended, as the notifier does."""
        return httpx.post(self.callback, json=body or {"event": "job_completed"}, timeout=60)

    def call_back_until_heard(self) -> httpx.Response:
        """The same, again while n8n says that the flow is not at its Wait yet."""
        end = time.monotonic() + SOON_S
        while True:
            answer = self.call_back()
            if answer.status_code != 409 or time.monotonic() > end:
                return answer
            assert "is running already" in answer.text
            time.sleep(0.1)


def order(flows: Flows, flow: str = "create-and-wait", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {
        "audio_url": "http://songs/one.mp3",
        "caption": "c",
        "prompts": [],
        "callback_url": "http://of.a/caller",
    }
    return httpx.post(flows.hook(flow), json=body, headers=named, timeout=60)


def video_of(flows: Flows, job_id: str) -> Path:
    return flows.n8n.files / f"{job_id}.mp4"


def saved(flows: Flows, job_id: str) -> None:
    """Wait until the whole video lies where it should."""
    path = video_of(flows, job_id)
    wait_until(lambda: path.is_file() and path.read_bytes() == VIDEO, seconds=SOON_S, what=f"{path.name}")


def test_the_caller_is_answered_at_once_and_the_video_is_saved_when_it_is_done(flows: Flows) -> None:
    backend = Backend("once")
    with scripted(flows.backend_port, backend):
        answer = order(flows)
        assert (answer.status_code, answer.json()["job_id"]) == (202, "once")
        assert backend.callback.startswith(f"{flows.n8n.url}/webhook-waiting/")
        backend.status = "completed"
        heard = backend.call_back_until_heard()
        assert (heard.status_code, heard.json()) == (200, RECEIVED)
        saved(flows, "once")
        wait_until(lambda: "has finished already" in backend.call_back().text, seconds=SOON_S, what="end")


def test_a_callback_before_the_wait_is_told_so_and_heard_when_it_comes_again(flows: Flows) -> None:
    """A job of which all is there already ends before n8n has its answer."""
    backend = Backend("early")
    early: list[httpx.Response] = []

    def at_once() -> None:
        backend.status = "completed"
        early.append(backend.call_back())

    backend.on_start = at_once
    with scripted(flows.backend_port, backend):
        assert order(flows).status_code == 202
        assert early[0].status_code == 409
        assert "is running already" in early[0].text
        assert backend.call_back_until_heard().json() == RECEIVED
        saved(flows, "early")


def test_a_callback_that_is_not_true_is_refused_and_the_flow_waits_on(flows: Flows) -> None:
    backend = Backend("lied")
    with scripted(flows.backend_port, backend):
        order(flows)
        backend.status = "running"
        assert backend.call_back_until_heard().status_code == 503
        backend.status = None
        assert backend.call_back_until_heard().status_code == 503
        assert backend.asked == 1 + 3
        assert not video_of(flows, "lied").exists()
        backend.status = "completed"
        assert backend.call_back_until_heard().json() == RECEIVED
        saved(flows, "lied")


def test_a_callback_without_n8ns_own_signature_changes_nothing(flows: Flows) -> None:
    backend = Backend("forged")
    with scripted(flows.backend_port, backend):
        order(flows)
        wait_until(lambda: flows.n8n.is_waiting(backend.callback), seconds=SOON_S, what="the Wait")
        backend.status = "completed"
        genuine = backend.callback
        for forged in (genuine.partition("?")[0], genuine[:-4] + "0000"):
            backend.callback = forged
            assert backend.call_back().status_code == 401
        assert backend.asked == 0
        assert not video_of(flows, "forged").exists()


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_without_a_video_ends_the_flow_with_an_error(flows: Flows, status: str) -> None:
    backend = Backend(f"no-{status}")
    with scripted(flows.backend_port, backend):
        order(flows)
        backend.status = status
        assert backend.call_back_until_heard().json() == RECEIVED
        wait_until(lambda: "finished with error" in backend.call_back().text, seconds=SOON_S, what="end")
    assert not video_of(flows, backend.job_id).exists()


def test_an_order_that_the_backend_does_not_take_is_not_waited_for(flows: Flows) -> None:
    backend = Backend("refused", start=422)
    with scripted(flows.backend_port, backend):
        assert order(flows).status_code == 422
        wait_until(lambda: "finished" in backend.call_back().text, seconds=SOON_S, what="end")
    assert order(flows).status_code == 502


def test_an_order_that_is_known_already_is_looked_at_before_it_is_waited_for(flows: Flows) -> None:
    """Its callback is that of the first order. A caller's key becomes the run's name, since each flow that waits
    has a callback of its own, and a key is bound to one body.
    """
    backend = Backend("known", start=200)
    backend.status = "running"
    with scripted(flows.backend_port, backend):
        assert order(flows, Idempotency_Key="mine").status_code == 200
        assert backend.run_id == "mine"
        wait_until(lambda: backend.asked == 1, seconds=SOON_S, what="a question")
        backend.status = "completed"
        assert backend.call_back_until_heard().json() == RECEIVED
        saved(flows, "known")
        video_of(flows, "known").unlink()
        assert order(flows, Idempotency_Key="mine").status_code == 200
        saved(flows, "known")


def test_a_callback_that_never_comes_is_not_needed_once_the_time_is_over(flows: Flows) -> None:
    """A minute, and up to another until n8n looks at its clock; two jobs, so that it is spent only once."""
    done, slow = Backend("unheard"), Backend("slow")
    with scripted(flows.backend_port, done):
        order(flows, "create-and-wait-briefly")
    with scripted(flows.backend_port, slow):
        order(flows, "create-and-wait-briefly")

    def both(request: Request) -> Reply | None:
        return (slow if request.path.endswith("/slow") else done)(request)

    done.status, slow.status = "completed", "running"
    with scripted(flows.backend_port, both):
        path = video_of(flows, "unheard")
        wait_until(lambda: path.is_file() and path.read_bytes() == VIDEO, seconds=180, what="the video")
        wait_until(lambda: slow.asked > 0, seconds=180, what="a question")
        wait_until(lambda: "finished with error" in slow.call_back().text, seconds=SOON_S, what="end")
    assert not video_of(flows, "slow").exists()


def test_a_flow_that_waits_outlives_n8n(flows: Flows) -> None:
    backend = Backend("outlived")
    with scripted(flows.backend_port, backend):
        order(flows)
        wait_until(lambda: flows.n8n.is_waiting(backend.callback), seconds=SOON_S, what="the Wait")
        flows.n8n.kill()
        backend.status = "completed"
        with pytest.raises(httpx.ConnectError):
            backend.call_back()
        flows.start()
        assert backend.call_back().json() == RECEIVED
        saved(flows, "outlived")


def test_nobody_is_held_up_by_a_flow_that_waits(flows: Flows) -> None:
    backends = {name: Backend(name) for name in ("first", "second", "third")}
    for backend in backends.values():
        with scripted(flows.backend_port, backend):
            order(flows)
        backend.status = "completed"
    with scripted(flows.backend_port, lambda request: backends[request.path.rpartition("/")[2]](request)):
        threads = [threading.Thread(target=backend.call_back_until_heard) for backend in backends.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in backends:
            saved(flows, name)
