"""A metadata service as Amazon's, version 2: who has no token of it is answered 401.

QEMU starts this file as a program for each connection of a guest to the service's address. Its folder holds what it
answers (`answers.json`, path to text) and what it was asked (`asked.jsonl`).
"""

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from dev.vm.seed import Identity

UUID = "ec2e1916-9099-4caf-bd21-012345abcdef"
"""By its first three digits a machine knows that it is one of Amazon's."""
ADDRESS = "169.254.169.254"
MAC = "52:54:00:12:34:56"
VERSION = "2021-03-23"
ANOTHER_KEY = f"ssh-ed25519 {'A' * 68} of-the-user-data"
TOKEN = "a-token-of-this-service"
_TTL, _SENT = "x-aws-ec2-metadata-token-ttl-seconds", "x-aws-ec2-metadata-token"
_LINE_BYTES_MAX = 8192


def furnish(folder: Path, identity: "Identity") -> None:
    """Lay down what the service answers for one machine: its name and keys as metadata, its settings as user data."""
    from dev.vm.seed import user_data

    known = {
        "ami-id": "ami-0123456789abcdef0",
        "instance-id": f"i-{identity.instance}",
        "instance-type": "t3.small",
        "local-hostname": identity.hostname,
        "hostname": identity.hostname,
        "local-ipv4": "169.254.10.15",
        "mac": MAC,
        "placement/availability-zone": "eu-central-1a",
        f"network/interfaces/macs/{MAC}/device-number": "0",
        f"network/interfaces/macs/{MAC}/local-ipv4s": "169.254.10.15",
        f"network/interfaces/macs/{MAC}/mac": MAC,
        f"network/interfaces/macs/{MAC}/subnet-ipv4-cidr-block": "169.254.0.0/16",
        **{f"public-keys/{number}/openssh-key": key for number, key in enumerate(identity.authorized_keys)},
    }
    answers = {f"meta-data/{path}": text for path, text in known.items()}
    answers["user-data"] = user_data(replace(identity, authorized_keys=(ANOTHER_KEY,)))
    answers["dynamic/instance-identity/document"] = json.dumps({"region": "eu-central-1"})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def network(folder: Path) -> tuple[str, ...]:
    """Options of QEMU's user network under which a guest finds the service."""
    program = shlex.join([sys.executable, "-I", str(Path(__file__).resolve()), str(folder.resolve())])
    addresses = ("net=169.254.0.0/16", "host=169.254.0.2", "dns=169.254.0.3", "dhcpstart=169.254.10.15")
    return (*addresses, f"guestfwd=tcp:{ADDRESS}:80-cmd:{program}")


def metadata(folder: Path) -> dict[str, str]:
    """What the service knows of its machine, by path below `meta-data`."""
    answers: dict[str, str] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    above = "meta-data/"
    return {path.removeprefix(above): text for path, text in answers.items() if path.startswith(above)}


def asked(folder: Path) -> list[dict[str, object]]:
    """Every request so far: method, path, status."""
    return [json.loads(line) for line in (folder / "asked.jsonl").read_text(encoding="utf-8").splitlines()]


def answer(method: str, path: str, headers: dict[str, str], answers: dict[str, str]) -> tuple[int, str]:
    """Status and text of the answer to one request; a folder is answered with the names in it."""
    if path == "/latest/api/token":
        return (200, TOKEN) if method == "PUT" and headers.get(_TTL, "").isdigit() else (400, "")
    if headers.get(_SENT) != TOKEN:
        return 401, ""
    version, _, rest = path.lstrip("/").partition("/")
    if method != "GET" or version not in (VERSION, "latest"):
        return 404, ""
    if rest in answers:
        return 200, answers[rest]
    above = f"{rest.rstrip('/')}/" if rest else ""
    below = [name.removeprefix(above).partition("/") for name in answers if name.startswith(above)]
    if above == "meta-data/public-keys/":
        names = [f"{number}=key-{number}" for number, _, _ in below]
    else:
        names = [name + slash for name, slash, _ in below]
    return (200, "\n".join(dict.fromkeys(names))) if names else (404, "")


def serve(folder: Path, request: BinaryIO, response: BinaryIO) -> None:
    """Answer one request and end the connection."""
    method, path, _ = request.readline(_LINE_BYTES_MAX).decode("ascii").split()
    headers: dict[str, str] = {}
    while line := request.readline(_LINE_BYTES_MAX).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    status, text = answer(method, path, headers, answers)
    with (folder / "asked.jsonl").open("a", encoding="utf-8") as told:
        told.write(json.dumps({"method": method, "path": path, "status": status}) + "\n")
    body = text.encode()
    head = f"HTTP/1.1 {status} -\r\nServer: EC2ws\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    response.write(head.encode("ascii") + b"Connection: close\r\n\r\n" + body)
    response.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
