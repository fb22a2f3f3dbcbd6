"""The real router process: on inherited sockets, asked by OpenAI's own client, stopped and replaced; and by the API."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from tests.contract.conftest import Running
from tests.fakes.activated import activated

from att.appliance import Facts, facts
from att.router.keys import RouterKeys

ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
SAID: Any = [{"role": "user", "content": "please add 3 and 4"}]


@dataclass
class Machine:
    """What systemd holds: the sockets and the notify socket."""

    where: Facts
    keys: RouterKeys
    listeners: list[socket.socket]
    notified: socket.socket
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listeners[0].getsockname()[1]}/v1"

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, api_key=self.keys.for_project("prj_1"), max_retries=0, timeout=20)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process as the service manager does, and wait until it is ready."""
        environment = {
            "NOTIFY_SOCKET": str(self.where.root / "notify"),
            "WATCHDOG_USEC": "1000000",
            "ATT_APPLIANCE_TOML": str(self.where.root / "appliance.toml"),
        }
        process = activated(
            "att.entrypoints.router", self.listeners, environment=environment, journal=self.where.root / "journal"
        )
        self.processes.append(process)
        self.told("READY=1")
        return process

    def told(self, what: str) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.notified.settimeout(deadline - time.monotonic())
            if what in self.notified.recv(4096).decode().splitlines():
                return
        raise AssertionError(f"{what} was never told")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("router")
    text = (Path(__file__).parents[2] / "appliance" / "appliance.toml").read_text(encoding="utf-8")
    (folder / "appliance.toml").write_text(text.replace('= "/', f'= "{folder}/'), encoding="utf-8")
    where = facts().rooted(folder)
    where.paths.api_state.mkdir(parents=True)
    unix, notified = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    unix.bind(str(folder / "router.sock"))
    unix.listen(128)
    notified.bind(str(folder / "notify"))
    listeners = [socket.create_server(("127.0.0.1", 0)), unix]
    found = Machine(where, RouterKeys.load(where.paths.api_state, where.paths.run), listeners, notified)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
            process.wait()
    for one in (*listeners, notified):
        one.close()


@pytest.fixture
def serving(machine: Machine) -> Machine:
    if not machine.processes or machine.processes[-1].poll() is not None:
        machine.start()
    return machine


def test_openais_client_lists_the_models(serving: Machine) -> None:
    with serving.client() as client:
        assert [model.id for model in client.models.list()] == ["att-scripted"]
        assert client.models.retrieve("att-scripted").owned_by == "att"


def test_openais_client_has_a_tool_called_and_its_result_told(serving: Machine) -> None:
    with serving.client() as client:
        first = client.chat.completions.create(model="att-scripted", messages=SAID, tools=[ADD])
        assert first.choices[0].finish_reason == "tool_calls"
        message = first.choices[0].message
        call = cast("Any", message.tool_calls)[0]
        assert json.loads(call.function.arguments) == {"a": 3, "b": 4}
        answered: Any = [*SAID, message, {"role": "tool", "tool_call_id": call.id, "content": "7"}]
        second = client.chat.completions.create(model="att-scripted", messages=answered, tools=[ADD])
        assert second.choices[0].message.content == "7"
        assert second.usage is not None
        assert second.usage.total_tokens == second.usage.prompt_tokens + second.usage.completion_tokens


def test_openais_client_puts_a_stream_together_and_gets_its_usage(serving: Machine) -> None:
    with serving.client() as client:
        stream = client.chat.completions.create(
            model="att-scripted", messages=SAID, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "You said: please add 3 and 4"
        assert chunks[-1].usage is not None
        with client.chat.completions.stream(model="att-scripted", messages=SAID, tools=[ADD]) as helper:
            final = helper.get_final_completion()
        assert cast("Any", final.choices[0].message.tool_calls)[0].function.name == "add"


def test_openais_client_gets_embeddings_in_both_forms(serving: Machine) -> None:
    with serving.client() as client:
        packed = client.embeddings.create(model="att-scripted", input=["the sea", "a hill"], dimensions=64)
        plain = client.embeddings.create(model="att-scripted", input="the sea", dimensions=64, encoding_format="float")
        assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
        assert len(packed.data) == 2


def test_openais_client_knows_our_errors(serving: Machine) -> None:
    with serving.client() as client:
        with pytest.raises(openai.NotFoundError) as told:
            client.chat.completions.create(model="gpt-9", messages=SAID)
        assert told.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="att-scripted", messages=[])
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-wrong").models.list()


def test_the_unix_socket_answers_too_and_tells_the_release(serving: Machine) -> None:
    transport = httpx.HTTPTransport(uds=str(serving.where.root / "router.sock"))
    with httpx.Client(transport=transport, base_url="http://router") as client:
        assert client.get("/readyz").json()["status"] == "ok"
        assert client.get("/v1/models").status_code == 401


def test_a_projects_key_is_good_for_its_own_user_alone_as_the_kernel_names_who_connects(serving: Machine) -> None:
    own, other = (serving.keys.for_project("prj_1", os.getuid() + step) for step in (0, 1))
    doors = {
        "unix": httpx.HTTPTransport(uds=str(serving.where.root / "router.sock")),
        "loopback": httpx.HTTPTransport(),
    }
    said = {}
    for door, transport in doors.items():
        url = serving.url if door == "loopback" else "http://router/v1"
        with httpx.Client(transport=transport) as client:
            for name, key in (("own", own), ("other", other)):
                answer = client.get(f"{url}/models", headers={"Authorization": f"Bearer {key}"})
                said[door, name] = answer.status_code
    assert said == {("unix", "own"): 200, ("unix", "other"): 401, ("loopback", "own"): 401, ("loopback", "other"): 401}


def test_a_broken_request_line_and_a_dropped_connection_do_no_harm(serving: Machine) -> None:
    for sent in (b"\x00\xff\r\n\r\n", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"):
        with socket.create_connection(serving.listeners[0].getsockname()) as raw:
            raw.sendall(sent)
    with serving.client() as client:
        assert client.models.list().data


def test_it_keeps_the_watchdog_quiet_and_stops_in_time_though_a_stream_is_open(serving: Machine) -> None:
    process = serving.processes[-1]
    serving.told("WATCHDOG=1")
    with serving.client() as client:
        slow: Any = [{"role": "user", "content": "speak slowly " + "on and " * 200}]
        stream = client.chat.completions.create(model="att-scripted", messages=slow, stream=True)
        next(stream)
        process.send_signal(signal.SIGTERM)
        serving.told("STOPPING=1")
        assert process.wait(9) == 0
        with pytest.raises(openai.APIError, match="restarts"):
            list(stream)


def test_replacing_the_process_loses_no_request(serving: Machine) -> None:
    answers, stop = list[str | None](), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with serving.client() as client:
                found = client.chat.completions.create(model="att-scripted", messages=SAID)
            answers.append(found.choices[0].message.content)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for _ in range(3):
        before = len(answers)
        while len(answers) < before + 10:
            stop.wait(0.01)
        serving.processes[-1].send_signal(signal.SIGTERM)
        assert serving.processes[-1].wait(10) == 0
        serving.start()
    stop.set()
    for asker in askers:
        asker.join(30)
    assert set(answers) == {"You said: please add 3 and 4"}
    assert not [line for line in (serving.where.root / "journal").read_text().splitlines() if '"error"' in line]


class FarSide(BaseHTTPRequestHandler):
    """A provider: it lists one model and answers with who asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say({"data": [{"id": "llama"}]})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._say({"asked": sent["model"], "key": self.headers["Authorization"]})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def far_side() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FarSide) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join(10)


def test_a_provider_added_over_rest_is_asked_by_the_router_and_its_key_never_shown(
    platform: Running, http: httpx.Client, far_side: str
) -> None:
    wanted = {"name": "far", "base_url": far_side, "models": ["llama"], "key": "sk-of-the-far-side\n"}
    added = http.post("/api/v1/models", json=wanted)
    assert added.status_code == 201
    assert added.json() == {"name": "far", "base_url": far_side, "models": ["llama"], "has_key": True}
    try:
        assert http.post("/api/v1/models", json=wanted).json()["code"] == "name_taken"
        assert http.post("/api/v1/models/far/test").json()["ok"]
        made = http.post("/api/v1/models/keys", json={"days": 1}).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        transport = httpx.HTTPTransport(uds=str(platform.facts.unit("att-router").socket_paths[0]))
        with httpx.Client(transport=transport, base_url="http://router", headers=headers) as router:
            said = router.post("/v1/chat/completions", json={"model": "far/llama", "messages": []}).json()
        assert said == {"asked": "llama", "key": "Bearer sk-of-the-far-side"}
        shown = json.dumps([http.get("/api/v1/models").json(), http.get("/api/v1/audit?limit=50").json()])
        assert "sk-of-the-far-side" not in shown
    finally:
        asked = http.delete("/api/v1/models/far")
        confirmed = {"X-Confirmation-Id": asked.json()["data"]["confirmation_id"]}
        assert http.delete("/api/v1/models/far", headers=confirmed).status_code == 200
