"""What reaches the journal."""

import pytest
import structlog

from att.effects import journal


def test_a_logged_exception_tells_its_trace_and_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    secret, before = "att_" + "x" * 43, structlog.get_config()
    try:
        journal.to_stderr("info")
        try:
            raise ValueError(f"broken with {len(secret)}")
        except ValueError as error:
            structlog.get_logger().warning("failed", exc_info=error)
        said = capsys.readouterr().err
    finally:
        structlog.configure(**before)
    assert "broken with 47" in said
    assert secret not in said
