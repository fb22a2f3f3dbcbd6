"""What is kept open through an upgrade and the way back resumes or completes."""

import pytest
from tests.appliance.nspawn.upgrading import Upgrades, assert_nothing_was_lost


@pytest.mark.parametrize("variant", ["good_none", "good_additive"])
def test_open_connections_resume_or_complete_through_an_upgrade_and_back(upgrades: Upgrades, variant: str) -> None:
    version, bundle = upgrades.make(variant)
    with upgrades.load(f"kept-{variant.replace('_', '-')}", everything=True) as report:
        code, _, said = upgrades.apply(bundle)
        assert code == 0, said
        assert upgrades.serving() == version
        code, said = upgrades.roll_back()
        assert code == 0, said
    assert_nothing_was_lost(report)
    seen = report.seen
    assert seen["websocket_connects"] >= 3
    assert seen["websocket_events"] > 20
    assert seen["websocket_out_of_order"] == 0
    assert seen["mcp_calls"] > 10
    assert seen["upload"] == "complete"
    assert set(seen["assets"]) == {"200"}
