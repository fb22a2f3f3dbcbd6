"""One fault of the machine each: what is done, what must be seen, and the way out. Each returns what it saw."""

import re
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.crash.small_disk import SmallDisk, small_disk
from tests.fakes.api_process import Machine, machine_at, prepare_machine

from att.identity.schema import COOKIE
from att.kernel.codes import CODES

UPLOAD = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Seen:
    """What a fault did: its named outcome, what became of the data, and the hint that was followed."""

    outcome: str
    data: str
    way_out: str


class Served:
    """The API on a small disk, and what was written before."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.created: list[str] = []
        self.gone = ""

    def start(self) -> None:
        """Start the process; it is ready when this returns."""
        self.process = self.machine.start()
        self.machine.told("READY=1")

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def create(self) -> httpx.Response:
        """Write something that must not be lost."""
        with self.machine.client() as client:
            answer = client.post("/api/v1/tokens", json={"name": "kept"})
        if answer.status_code == 201:
            self.created.append(answer.json()["id"])
        return answer

    def refused(self, code: str) -> str:
        """Have every door refuse a write with `code` and its hint; return the sentence."""
        answer = self._until("cannot write now")
        told = answer.json()
        assert answer.status_code == 503
        assert (told["code"], told["hint"]) == (code, CODES[code])
        with self.machine.client() as client:
            uploaded = client.post("/api/v1/uploads", content=b"x", headers=UPLOAD)
            called = self._mcp(client, "att.token.create", {"name": "by an agent"})
        assert (uploaded.status_code, uploaded.json()["code"]) == (503, code), uploaded.text
        assert (called["isError"], called["structuredContent"]["code"]) == (True, code)
        return re.sub(r"/\S+/disk\S*", "/var/lib/att", str(told["detail"])) + f" ({code})"

    def reads(self) -> None:
        """Have everything that was written read back."""
        with self.machine.client() as client:
            assert client.get("/readyz").status_code == 200
            found = client.get("/api/v1/tokens")
            assert found.status_code == 200, found.text
            known = {token["id"] for token in found.json()["tokens"]}
            assert set(self.created) <= known
            assert self.gone not in known
            assert client.get("/api/v1/audit").status_code == 200

    def lets_in(self) -> None:
        """Sign in, be known, and sign out again."""
        with self.machine.client() as client:
            del client.headers["authorization"]
            signed = client.post("/api/v1/auth/sign-in", json={"token": self.machine.token})
            assert signed.status_code == 200, signed.text
            cookie = {"Cookie": f"{COOKIE}={signed.cookies[COOKIE]}"}
            assert client.get("/api/v1/auth/me", headers=cookie).json()["name"] == "dev"
            origin = {"Origin": "http://att.example", "Sec-Fetch-Site": "same-origin"}
            assert client.post("/api/v1/auth/sign-out", headers={**cookie, **origin}).status_code == 200
            assert client.get("/api/v1/auth/me", headers=cookie).status_code == 401

    def revokes(self) -> None:
        """Do what is a way out and yet writes: it is not refused."""
        self.gone = self.created.pop()
        with self.machine.client() as client:
            asked = client.delete(f"/api/v1/tokens/{self.gone}")
            confirmed = {"confirmation_id": asked.json()["data"]["confirmation_id"]}
            done = client.delete(f"/api/v1/tokens/{self.gone}", params=confirmed)
        assert done.status_code == 200, done.text

    def well_again(self) -> None:
        """Have all be as before, by itself."""
        self._until("kept")
        self.reads()
        self.lets_in()

    def no_traceback(self) -> None:
        """Nothing went wrong that nobody foresaw."""
        bad = [line for line in self.machine.journal() if line["level"] in ("error", "critical")]
        assert {line["message"] for line in bad} <= {"disk.full"}, bad

    def _until(self, words: str) -> httpx.Response:
        """Write until it is answered so: how full a disk is may be a second old."""
        answer = self.create()
        for _ in range(1_000):
            if words in answer.text:
                return answer
            answer = self.create()
        raise AssertionError(f"nothing was answered with {words}, the last with {answer.text}")

    def _mcp(self, client: httpx.Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        call = {"name": name, "arguments": arguments}
        headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
        headers["Mcp-Session-Id"] = "0" * 32
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        answer = client.post("/mcp", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        text = answer.text.rpartition("data: ")[2] if answer.text.startswith(("event:", "data:", ":", "id:")) else ""
        found: dict[str, Any] = httpx.Response(200, text=text or answer.text).json()["result"]
        return found


def served(fault: Callable[[SmallDisk, Served], Seen]) -> Callable[[Path], Seen]:
    """Run a fault over an API whose files lie on a small disk."""

    def run(folder: Path) -> Seen:
        template, outside = folder / "prepared", folder / "outside"
        template.mkdir()
        outside.mkdir()
        token = prepare_machine(template)
        with small_disk(folder) as disk, machine_at(disk.folder, template, token, outside) as machine:
            disk.sync()
            one = Served(machine)
            one.start()
            for _ in range(5):
                assert one.create().status_code == 201
            try:
                return fault(disk, one)
            finally:
                one.no_traceback()
                with suppress(ProcessLookupError):
                    one.process.kill()
                one.process.wait()

    return run


@served
def disk_full(disk: SmallDisk, one: Served) -> Seen:
    """Filled to the last block; killed and started again while it is."""
    big = disk.fill()
    said = one.refused("disk_full")
    one.reads()
    one.lets_in()
    one.revokes()
    one.kill()
    one.start()
    one.reads()
    one.lets_in()
    assert one.refused("disk_full") == said
    big.unlink()  # what `attctl disk show` names
    one.well_again()
    return Seen(f"{said}; reads, sign-in and revoking go on, also after a power cut", "none lost", "a file was removed")


@served
def inodes_gone(disk: SmallDisk, one: Served) -> Seen:
    """Not an inode is left; the process ends and starts again while that is so."""
    many = disk.take_inodes()
    said = one.refused("disk_inodes")
    one.reads()
    one.lets_in()
    one.revokes()
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(60) == 0
    one.start()
    one.reads()
    one.lets_in()
    shutil.rmtree(many)
    one.well_again()
    return Seen(f"{said}; reads, sign-in and revoking go on, also after a restart", "none lost", "files were removed")


@served
def read_only(disk: SmallDisk, one: Served) -> Seen:
    """The kernel found an error and lets nobody write; a boot checks the disk."""
    disk.break_it()
    said = one.refused("disk_read_only")
    one.reads()
    one.lets_in()
    one.kill()
    one.start()
    one.reads()
    one.lets_in()
    one.kill()
    disk.mend()
    one.start()
    one.well_again()
    return Seen(
        f"{said}; reads and sign-in go on, also after a restart", "none lost", "it was checked and mounted again"
    )
