"""What each verb about changes of the appliance by itself does; who may ask for it, `wire.allowed` says."""

from collections.abc import Callable, Mapping
from typing import Any

from att.kernel.errors import NotFound
from att.machine.audit.record import write_audit
from att.upgrade.approvals import requests
from att.upgrade.approvals.releasing import Releases
from att.upgrade.approvals.service import Proposals
from att.upgrade.approvals.standing import Standing
from att.upgrade.wire import Ask, Peer, there


class BootstrapVerbs:
    """The verbs over one engine's proposals and releases; everything that changes something is audited."""

    def __init__(self, proposals: Proposals, releases: Releases) -> None:
        self._proposals = proposals
        self._releases = releases

    def table(self) -> Mapping[str, Callable[[Ask, Peer, int | None], Any]]:
        """Return the verbs by their names."""
        return {
            "bootstrap_propose": self._propose,
            "bootstrap_withdraw": self._withdraw,
            "bootstrap_release": self._release,
            "bootstrap_approve": self._approve,
            "bootstrap_deny": self._deny,
            "bootstrap_pause": self._pause,
            "bootstrap_resume": self._resume,
            "bootstrap_status": self._status,
        }

    def _propose(self, ask: Ask, peer: Peer, fd: int | None) -> Any:
        asked = requests.read(ask, requests.Propose)
        found = self._proposals.propose(
            there(fd),
            peer,
            number=asked.number,
            commit=asked.commit,
            releases=asked.releases,
            dropped=asked.dropped,
            subject=asked.subject,
        )
        self._record("propose", ask, peer, found, releases=found.releases)
        return found.model_dump(mode="json")

    def _withdraw(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        asked = requests.read(ask, requests.Withdraw)
        if self._proposals.withdraw(asked.number):
            self._audit("withdraw", ask, peer, number=asked.number)
        return {}

    def _release(self, ask: Ask, peer: Peer, fd: int | None) -> Any:
        asked = requests.read(ask, requests.Release)
        transaction = self._releases.release(
            there(fd),
            peer,
            number=asked.number,
            commit=asked.commit,
            job=asked.job,
            checks=asked.checks,
            request_id=ask.request_id,
        )
        told = {"number": asked.number, "commit": asked.commit, "job": asked.job, "transaction": transaction}
        self._audit("release", ask, peer, **told)
        return {"transaction": transaction}

    def _approve(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        asked = requests.read(ask, requests.Approve)
        found = self._proposals.approve(
            peer,
            number=asked.number,
            commit=asked.commit,
            tree=asked.tree,
            seen=asked.seen,
            protected=asked.protected,
        )
        self._record("approve", ask, peer, found, protected=len(asked.protected))
        return found.model_dump(mode="json")

    def _deny(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        asked = requests.read(ask, requests.Deny)
        found = self._proposals.deny(peer, number=asked.number, reason=asked.reason)
        self._record("deny", ask, peer, found, reason=asked.reason)
        return found.model_dump(mode="json")

    def _pause(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        asked = requests.read(ask, requests.Pause)
        found = self._proposals.pause(peer, asked.reason)
        self._audit("pause", ask, peer, reason=asked.reason)
        return {"paused": found.model_dump(mode="json")}

    def _resume(self, ask: Ask, peer: Peer, _fd: int | None) -> Any:
        requests.read(ask, requests.Resume)
        self._proposals.resume()
        self._audit("resume", ask, peer)
        return {"paused": None}

    def _status(self, ask: Ask, _peer: Peer, _fd: int | None) -> Any:
        asked = requests.read(ask, requests.Look)
        cycles, problems = self._releases.cycles()
        found = self._proposals.status(cycles, problems).model_dump(mode="json")
        if asked.number is not None:
            found["proposal"] = self._proposals.show(asked.number).model_dump(mode="json")
        if asked.job is not None:
            known = next((one for one in cycles if one.job == asked.job), None)
            if known is None:
                raise NotFound("not_found", f"cannot find it: {asked.job} has released nothing")
            found["cycle"] = known.model_dump(mode="json")
        return found

    def _record(self, action: str, ask: Ask, peer: Peer, found: Standing, **extra: Any) -> None:
        told = {"number": found.number, "commit": found.commit, "tree": found.tree}
        self._audit(action, ask, peer, **told, **extra)

    def _audit(self, action: str, ask: Ask, peer: Peer, **extra: Any) -> None:
        path = self._proposals.tools.world.layout.audit
        write_audit(path, f"bootstrap.{action}", by=peer.told, door=peer.door, request_id=ask.request_id, **extra)
