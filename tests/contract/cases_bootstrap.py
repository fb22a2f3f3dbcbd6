"""Calls of ATT's change of itself that every surface must answer alike; outside the appliance there is none."""

from tests.contract.case import Case

_ONE = {"job_id": "job_none"}

CASES = (
    Case("att.bootstrap.run", {"title": "Say more", "patch": "no patch"}, "appliance_only"),
    Case("att.bootstrap.propose", {"number": 1}, "appliance_only"),
    Case("att.bootstrap.release", {"number": 1}, "appliance_only"),
    Case("att.bootstrap.status", {}, "appliance_only"),
    Case("att.bootstrap.list", {"limit": 5}, "appliance_only"),
    Case("att.bootstrap.show", _ONE, "appliance_only"),
    Case("att.bootstrap.cancel", _ONE, "appliance_only"),
)
