"""Makes what this machine lacks at boot: certificate, signing key, database, first token, claim code. Stdlib only.

Runs as root with the system's Python before ATT's services, at every boot. Each step looks at its own result first and
puts that in place by one rename, so a power cut anywhere leaves the step done or not begun. A step that fails is
reported and the others still run: a machine without a database must have a door.
"""

import grp
import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

FACTS = Path("/usr/lib/att/appliance.toml")
TLS_DAYS = 3650
# No machine boots for the first time before; a clock that says so, or is years ahead, is set right later.
TLS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
TLS_TIME = "%Y%m%d%H%M%SZ"
AUTHORITY = """\
[ca]
default_ca = own
[own]
database = {work}/index
new_certs_dir = {work}
rand_serial = yes
default_md = sha256
policy = any
preserve = yes
[any]
organizationName = optional
commonName = supplied
[names]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
extendedKeyUsage = serverAuth
"""
ADDRESS_WAIT_SECONDS = 20.0
PROGRAM_SECONDS_MAX = 300
# No 0/O, 1/I/L, U: it is read from a console and typed by hand.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
SEALING_KEY_BYTES = 32
CODE_GROUPS = 4
CODE_GROUP_CHARS = 4
SERVICE_USER = "att"
FRONT_USER = "www-data"

Run = Callable[..., str]


class StepFailed(Exception):
    """A step could not be done; the message says why."""


class Machine:
    """The paths of the facts below `root`, and the way to run programs and to own files; tests give others."""

    def __init__(self, facts: Path = FACTS, root: Path = Path("/"), run: Run | None = None, *, chown: bool = True):
        table = tomllib.loads(facts.read_text(encoding="utf-8"))
        self.root = root
        self.paths: dict[str, Path] = {name: root / path.lstrip("/") for name, path in table["paths"].items()}
        self.run = run or run_program
        self._chown = chown

    def path(self, name: str) -> Path:
        """The path that the facts call `name`."""
        return self.paths[name]

    def now(self) -> datetime:
        """What the machine's clock says, right or wrong."""
        return datetime.now(UTC)

    def own(self, path: Path, user: str, group: str | None = None) -> None:
        """Give `path` itself (never what a link points to) to `user` and to `group`, else the user's own."""
        if self._chown:
            entry = pwd.getpwnam(user)
            gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
            os.chown(path, entry.pw_uid, gid, follow_symlinks=False)


def run_program(command: Sequence[str], *, user: str | None = None, text: str = "") -> str:
    """Run a program to its end and return its output; StepFailed carries the end of its errors."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        done = subprocess.run(
            list(command),
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROGRAM_SECONDS_MAX,
            env=environment,
            cwd="/",
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            umask=0o077,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepFailed(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        raise StepFailed(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:].strip()}")
    return done.stdout


def place(
    machine: Machine, path: Path, data: bytes, mode: int, user: str | None = None, group: str | None = None
) -> None:
    """Put a file in place whole and durably, with its mode and owner from the first moment it has its name."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(fd, mode)
            if user:
                machine.own(temporary, user, group)
            os.fsync(fd)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sweep(folder: Path, pattern: str) -> None:
    """Remove what an earlier run left half-made."""
    for stray in folder.glob(pattern):
        if stray.is_dir() and not stray.is_symlink():
            shutil.rmtree(stray)
        else:
            stray.unlink()


def make_folders(machine: Machine) -> str:
    """State is made here, never by the image."""
    for name, mode, user in (
        ("state", 0o755, None),
        ("upgrade_state", 0o700, None),
        ("local_trust", 0o700, None),
        ("api_state", 0o700, SERVICE_USER),
        ("logs", 0o755, None),
        ("run", 0o755, None),
        ("keys", 0o755, None),
        ("tls", 0o755, None),
    ):
        path = machine.path(name)
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        if user:
            machine.own(path, user)
    return "there"


def stamp_clock(machine: Machine) -> str:
    """When this boot began by the clock of now: `attctl status` sees by it that somebody has set the clock since."""
    path = machine.path("run") / "clock"
    if path.exists():
        return "there"
    place(machine, path, f"{time.time() - time.clock_gettime(time.CLOCK_BOOTTIME):.3f}\n".encode(), 0o644)
    return "made"


def make_certificate(machine: Machine) -> str:
    """A self-signed certificate for every name and address of the machine, once; `server.pem` holds key and chain.

    It is good from a fixed day on: made by a clock that is wrong, it is still good by the right one.
    """
    folder = machine.path("tls")
    pair, public = folder / "server.pem", folder / "server.crt"
    sweep(folder, ".new-*")
    sweep(folder, ".server.*")
    made = not pair.exists()
    if made:
        names = ["localhost", socket.gethostname()]
        addresses = ["127.0.0.1", "::1", *machine_addresses(machine)]
        work = folder / f".new-{secrets.token_hex(6)}"
        work.mkdir(mode=0o700)
        subject_names = ",".join(
            [*(f"DNS:{name}" for name in dict.fromkeys(names) if name), *(f"IP:{address}" for address in addresses)]
        )
        (work / "index").touch()
        (work / "conf").write_text(AUTHORITY.format(work=work, names=subject_names), encoding="utf-8")
        made_out = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(work / "key")]
        subject = f"/O=ATT appliance/CN={names[1][:60] or 'att'}"
        machine.run(["openssl", "req", "-new", "-sha256", *made_out, "-subj", subject, "-out", str(work / "csr")])
        until = max(machine.now(), TLS_FROM) + timedelta(days=TLS_DAYS)
        machine.run(
            [
                *("openssl", "ca", "-batch", "-selfsign", "-notext", "-config", str(work / "conf")),
                *("-extensions", "names", "-keyfile", str(work / "key"), "-in", str(work / "csr")),
                *("-startdate", f"{TLS_FROM:{TLS_TIME}}", "-enddate", f"{until:{TLS_TIME}}"),
                *("-out", str(work / "crt")),
            ]
        )
        content = (work / "key").read_bytes() + (work / "crt").read_bytes()
        # nginx runs as its own user from the start, without root: the file is its own and nobody else's.
        place(machine, pair, content, 0o400, FRONT_USER)
        shutil.rmtree(work)
    certificate = certificates_of(pair.read_bytes())
    if not public.exists() or public.read_bytes() != certificate:
        place(machine, public, certificate, 0o644)
    return "made" if made else "there"


def certificates_of(pem: bytes) -> bytes:
    """The certificates of a PEM file, without its key."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    parts = pem.split(begin)[1:]
    return b"".join(begin + part.split(end)[0] + end + b"\n" for part in parts)


def machine_addresses(machine: Machine) -> list[str]:
    """Global addresses of all links; where there is a link but no address yet, waits a moment for DHCP."""
    deadline = time.monotonic() + ADDRESS_WAIT_SECONDS
    while True:
        links = json.loads(machine.run(["ip", "-j", "address", "show"]) or "[]")
        wired = [link for link in links if "LOOPBACK" not in link.get("flags", []) and "UP" in link.get("flags", [])]
        found = [
            entry["local"] for link in wired for entry in link.get("addr_info", []) if entry.get("scope") == "global"
        ]
        if found or not wired or time.monotonic() > deadline:
            return found
        time.sleep(0.25)


def make_signing_key(machine: Machine) -> str:
    """The appliance's own key: enrolled once, the private half readable by root alone."""
    folder = machine.path("local_trust")
    private, public = folder / "appliance.key", folder / "appliance.pem"
    sweep(folder, ".*")
    made = not private.exists()
    if made:
        place(machine, private, machine.run(["openssl", "genpkey", "-algorithm", "ed25519"]).encode(), 0o400)
    if not public.exists():
        place(machine, public, machine.run(["openssl", "pkey", "-in", str(private), "-pubout"]).encode(), 0o444)
    return "made" if made else "there"


def make_sealing_key(machine: Machine) -> str:
    """The key under which the API keeps secrets of projects, once; systemd hands it to that service alone."""
    folder = machine.path("secrets")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = folder / "sealing-key"
    sweep(folder, ".sealing-key.*")
    if key.exists():
        return "there"
    place(machine, key, secrets.token_bytes(SEALING_KEY_BYTES), 0o400)
    return "made"


def release_python(machine: Machine) -> str:
    """The interpreter of the release that stage0 decided for this boot."""
    answer = machine.run([str(machine.path("stage0") / "which-release")]).strip()
    if not answer:
        raise StepFailed("no release is installed")
    release = Path(answer) if answer.startswith("/") else machine.path("releases") / answer
    return str(release / "venv/bin/python")


def make_database(machine: Machine) -> str:
    """The database of the API, made by the release's own migrations as the service's user: a migration from nothing."""
    state, link = machine.path("api_state"), machine.path("api_database")
    sweep(state, ".db-*")
    if link.is_symlink() and link.exists():
        return "there"
    if link.is_symlink():
        raise StepFailed(f"the database link {link} points to nothing: repair it, nothing is made over it")
    numbered = sorted(entry for entry in state.glob("db-*") if entry.is_dir())
    if len(numbered) > 1:
        raise StepFailed(f"there are {len(numbered)} databases and no link says which one is live")
    if not numbered:
        work = state / f".db-{secrets.token_hex(6)}"
        work.mkdir(mode=0o700)
        machine.own(work, SERVICE_USER)
        python = release_python(machine)
        machine.run([python, "-P", "-m", "att.entrypoints.database", "create", str(work)], user=SERVICE_USER)
        sync_folder(work)
        work.rename(state / "db-1")
        sync_folder(state)
        numbered = [state / "db-1"]
    temporary = state / f".db-{secrets.token_hex(6)}"
    temporary.symlink_to(numbered[0].name)
    temporary.rename(link)
    sync_folder(state)
    return "made"


def take_first_token(machine: Machine) -> str:
    """The hash of a first admin token, if cloud-init left one: into the database, then the file goes."""
    path = machine.path("config").parent / "first-token.sha256"
    if not path.exists():
        return "none given"
    digest = path.read_text(encoding="ascii", errors="replace").split()[:1]
    if not digest or len(digest[0]) != 64 or set(digest[0].lower()) - set("0123456789abcdef"):
        raise StepFailed(f"{path} holds no sha256 in hex")
    command = [release_python(machine), "-P", "-m", "att.entrypoints.database", "first-token"]
    machine.run([*command, str(machine.path("api_database"))], user=SERVICE_USER, text=digest[0].lower() + "\n")
    path.unlink()
    return "taken"


CLAIMED = """
import sqlite3, sys
rows = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=5).execute("SELECT count(*) FROM claims")
print(rows.fetchone()[0])
"""


def is_claimed(machine: Machine) -> bool:
    """Whether the first admin exists, asked as the service's user: root must not leave files beside the database."""
    database = machine.path("api_database") / "att.db"
    try:
        return machine.run(["/usr/bin/python3", "-I", "-c", CLAIMED, str(database)], user=SERVICE_USER).strip() != "0"
    except StepFailed:
        return False


def show_claim_code(machine: Machine) -> str:
    """While nobody has claimed the appliance: a new one-time code each boot, on the console and for root alone."""
    plain, digest = machine.path("run") / "claim-code", machine.path("keys") / "claim.sha256"
    notice = machine.root / "run/issue.d/50-att-claim.issue"
    if is_claimed(machine):
        for path in (plain, digest, notice):
            path.unlink(missing_ok=True)
        return "claimed"
    groups = ["".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_GROUP_CHARS)) for _ in range(CODE_GROUPS)]
    code = "-".join(groups)
    place(machine, plain, f"{code}\n".encode(), 0o400)
    place(
        machine,
        digest,
        hashlib.sha256("".join(groups).encode()).hexdigest().encode() + b"\n",
        0o440,
        "root",
        SERVICE_USER,
    )
    notice.parent.mkdir(parents=True, exist_ok=True)
    place(machine, notice, f"Claim code of this appliance: {code}\n\n".encode(), 0o400)
    say_on_console(machine, f"\nATT: claim code of this appliance: {code}\n")
    return "shown"


def write_notice(machine: Machine) -> str:
    """What the login prompt of the console shows: where the console page is, and the certificate's fingerprint."""
    certificate = machine.path("tls") / "server.crt"
    printed = machine.run(["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"])
    fingerprint = printed.strip().partition("=")[2]
    lines = ["ATT appliance \\n", "console  https://\\4:7443/", f"TLS      SHA-256 {fingerprint}", "", ""]
    folder = machine.root / "run/issue.d"
    folder.mkdir(parents=True, exist_ok=True)
    place(machine, folder / "40-att.issue", "\n".join(lines).encode(), 0o644)
    say_on_console(machine, f"ATT: TLS certificate SHA-256 {fingerprint}\n")
    if machine.root == Path("/"):
        machine.run(["agetty", "--reload"])
    return "written"


def say_on_console(machine: Machine, text: str) -> None:
    """One line for whoever looks at the serial console; a machine without one is fine."""
    try:
        with (machine.root / "dev/console").open("a", encoding="utf-8") as console:
            console.write(text.replace("\n", "\r\n"))
    except OSError:
        return


def let_services_start(_: Machine) -> str:
    """Tells systemd that what the services need is there: they load while this machine's people are told of it.

    The datagram of sd_notify(3); without a manager that listens, nothing is sent.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return "nobody listens"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
    return "told"


STEPS: tuple[tuple[str, Callable[[Machine], str]], ...] = (
    ("folders", make_folders),
    ("clock", stamp_clock),
    ("certificate", make_certificate),
    ("signing-key", make_signing_key),
    ("sealing-key", make_sealing_key),
    ("database", make_database),
    ("first-token", take_first_token),
    ("services", let_services_start),
    ("claim-code", show_claim_code),
    ("notice", write_notice),
)


def main(machine: Machine) -> int:
    """Run every step; 1 when one of them failed."""
    failed = 0
    for name, step in STEPS:
        try:
            outcome = step(machine)
        except (StepFailed, OSError, LookupError, ValueError) as error:
            failed = 1
            sys.stderr.write(f"<3>firstboot: cannot do {name}: {error}\n")
        else:
            sys.stdout.write(f"firstboot: {name}: {outcome}\n")
    return failed


if __name__ == "__main__":
    raise SystemExit(main(Machine()))
