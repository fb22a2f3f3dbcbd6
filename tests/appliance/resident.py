"""An app of tests that leaves things wherever it may and then serves; its log begins with what it itself gets at.

Usage: resident.py PORT DEBUG-PORT. One JSON object, probe → `ok` or why not: the probes of `probe.py` on all that it
left. Runs with the system's Python inside a unit.
"""

import http.server
import json
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import probe  # type: ignore[import-not-found]  # lies beside this file where it runs

# Everything that a user of a Debian system may write without being anybody.
EVERYBODYS = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")


def main(port: int, debug_port: int) -> None:
    work, own = Path.cwd(), Path(os.environ["ATT_TASK_OUT"]).parent
    left = {f"read={kept(folder)}" for folder in (*EVERYBODYS, str(work), os.environ["HOME"]) if may_write(folder)}
    listening = [
        listen(str(work / "debug.sock")),
        listen("\0att-debug"),
        socket.create_server(("127.0.0.1", debug_port)),
    ]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    unit = f"att-app@{work.parent.name}-{own.name}.service"
    left |= {f"port={port}", f"port={debug_port}", "abstract=att-debug", f"connect={work}/debug.sock"}
    left |= {f"connect={own}/app.sock", f"connect={own}/attach.sock", f"read={own}/run.json", f"write={work}"}
    left |= {f"read=/run/credentials/{unit}/spec", f"read=/proc/{os.getpid()}/environ", f"send_signal={os.getpid()}"}
    left |= {"router=ATT_ROUTER_KEY"}
    print(json.dumps({one: probe.tried(one) for one in sorted(left)}), flush=True)
    server.serve_forever()
    del listening


def may_write(folder: str) -> bool:
    return os.access(folder, os.W_OK)


def kept(folder: str) -> str:
    file = Path(folder) / "kept"
    file.write_text("private", encoding="ascii")
    file.chmod(0o666)
    return str(file)


def listen(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    if address.startswith("/"):
        Path(address).chmod(0o666)
    return listener


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
