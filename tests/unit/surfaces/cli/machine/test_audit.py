"""`attctl audit verify` from the command line."""

import json

from tests.unit.surfaces.cli.conftest import Attctl

from att.appliance import Facts
from att.machine.audit.record import audit


def test_a_log_is_verified_and_the_first_line_out_of_order_is_named(box: Facts, attctl: Attctl) -> None:
    for number in range(3):
        audit(box, "log.level", "ann", level=str(number))
    told = json.loads(attctl("audit", "verify", "--json").out)
    assert (told["whole"], told["lines"], told["unchained"]) == (True, 3, 0)
    assert attctl("audit", "verify", "--head", told["head"]).code == 0
    path = box.paths.audit
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    assert attctl("audit", "verify").code == 0
    cut = attctl("audit", "verify", "--head", told["head"], "--json")
    assert (cut.code, json.loads(cut.out)["head_found"]) == (1, False)
    path.write_text("".join([lines[0], lines[2]]))
    broken = attctl("audit", "verify", "--json")
    assert (broken.code, json.loads(broken.out)["broken"]["line"]) == (1, 2)
    assert attctl("audit", "verify", "--head", "abc").code == 2
    path.unlink()
    assert "error[audit_missing]" in attctl("audit", "verify").err
