"""`attctl log level` from the command line."""

import json

from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts


def test_levels_are_shown_set_and_audited(box: Facts, attctl: Attctl, audited: Audited) -> None:
    box.paths.config.parent.mkdir(parents=True)
    assert attctl("log", "level", "debug").code == 0
    assert attctl("log", "level", "router", "error").code == 0
    shown = json.loads(attctl("log", "level", "--json").out)["items"]
    assert {one["service"]: one["level"] for one in shown} == {"api": "debug", "router": "error", "egress": "debug"}
    assert [one["level"] for one in json.loads(attctl("log", "level", "router", "--json").out)["items"]] == ["error"]
    attctl("log", "level", "router", "error")
    assert [(one["service"], one["level"]) for one in audited()] == [("all", "debug"), ("router", "error")]
    for wrong in (("att",), ("router", "loud"), ("router", "debug", "now"), ("att", "debug")):
        assert attctl("log", "level", *wrong).code == 2, wrong
