"""Shows and replaces the certificate of the appliance port: one file holds key and chain, one rename changes both."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from att.appliance import Facts
from att.config.turns import folder_turn
from att.effects.filesystem import write_atomically
from att.kernel.errors import Failed, InvalidInput, NotFound
from att.machine.tls.decision import Certificate, judge
from att.machine.tls.pem import chain_bytes, read_chain, read_key
from att.machine.tls.ports import Front, Machine
from att.machine.tls.schema import TlsInstalled, TlsShown

SERVED_SECONDS_MAX = 5.0
_DAY_SECONDS = 86_400


class TlsService:
    """The certificate in `facts.paths.tls`: `server.pem` is the front's own, `server.crt` the public part of it."""

    def __init__(
        self,
        facts: Facts,
        front: Front,
        machine: Machine,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pair = facts.paths.tls / "server.pem"
        self._public = facts.paths.tls / "server.crt"
        self._front = front
        self._machine = machine
        self._now = now

    def show(self) -> TlsShown:
        """Return what clients are given; NotFound("certificate_missing") before the first boot has made one."""
        if not self._public.exists():
            raise NotFound("certificate_missing", f"cannot show the certificate: there is no {self._public}")
        chain = read_chain(self._public.read_bytes())
        leaf = chain[0]
        return TlsShown(
            subject=leaf.subject,
            names=list(leaf.names),
            issuer=leaf.issuer,
            valid_from=leaf.valid_from.isoformat(),
            valid_until=leaf.valid_until.isoformat(),
            days_left=round((leaf.valid_until - self._now()).total_seconds() / _DAY_SECONDS, 1),
            key=str(leaf.key),
            sha256=leaf.sha256,
            self_signed=leaf.self_signed,
            chain=[one.subject for one in chain[1:]],
            served=self._front.serves(leaf.sha256, 0) if self._front.running() else None,
        )

    def install(self, certificates: bytes, key: bytes) -> TlsInstalled:
        """Check the pair, put it in place and have it served; whatever fails leaves the former one serving.

        Raises InvalidInput (`certificate_…`) for a pair that cannot serve, Failed("front_refused") when the front does
        not take it. A power cut leaves the former or the new pair, never a part of each.
        """
        chain = read_chain(certificates)
        own, plain = read_key(key)
        verdict = judge(chain, own, self._now(), self._machine.names())
        if verdict.problem:
            problem = verdict.problem
            raise InvalidInput(problem.code, f"cannot install the certificate: {problem.detail}", field=problem.field)
        with folder_turn(self._pair.parent, "install the certificate"):
            return self._put(chain, plain + chain_bytes(certificates), list(verdict.warnings))

    def _put(self, chain: tuple[Certificate, ...], content: bytes, warnings: list[str]) -> TlsInstalled:
        self._demand_taken(content)
        former, before = self._former()
        leaf = chain[0]
        self._write(content)
        served = False
        if self._front.running():
            why = self._serve(leaf.sha256)
            if why:
                self._take_back(former)
                raise Failed("front_refused", f"cannot install the certificate: {why}; the former one serves again")
            served = True
        if before:
            self._machine.tell_console(before, leaf.sha256)
        return TlsInstalled(
            sha256=leaf.sha256,
            names=list(leaf.names),
            valid_until=leaf.valid_until.isoformat(),
            replaced=before,
            served=served,
            warnings=warnings,
        )

    def _former(self) -> tuple[bytes | None, str | None]:
        """Return the pair in place and its fingerprint; one that cannot be read is none, and keeps no other out."""
        try:
            former = self._pair.read_bytes()
            return former, read_chain(former)[0].sha256
        except (FileNotFoundError, InvalidInput):
            return None, None

    def _demand_taken(self, content: bytes) -> None:
        """Have the front try the pair under another name: what it refuses never gets the name it reads at boot."""
        # The first boot sweeps files of such a name.
        candidate = self._pair.with_name(f".server.{secrets.token_hex(6)}")
        try:
            write_atomically(candidate, content, mode=0o400, owner=self._machine.owner())
            refusal = self._front.refusal(candidate)
        finally:
            candidate.unlink(missing_ok=True)
        if refusal:
            raise Failed("front_refused", f"cannot install the certificate: {refusal}")

    def _serve(self, sha256: str) -> str:
        why = self._front.reload()
        if why or self._front.serves(sha256, SERVED_SECONDS_MAX):
            return why
        return f"the port did not give it to clients within {SERVED_SECONDS_MAX:.0f} s"

    def _take_back(self, former: bytes | None) -> None:
        if former is not None:
            self._write(former)
            self._front.reload()

    def _write(self, content: bytes) -> None:
        """A cut between the two is mended at the next boot, which makes the public part of the pair."""
        write_atomically(self._pair, content, mode=0o400, owner=self._machine.owner())
        write_atomically(self._public, chain_bytes(content), mode=0o644)
