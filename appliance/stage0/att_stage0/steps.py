"""Prints each step of a transaction as one `APPLIANCE_STEP:<id>:<START|OK|FAIL>:<json>` line."""

import json
import sys
import time
from typing import TextIO

from att_stage0.transaction import Phase, State, Transaction

_BAD = frozenset({State.ROLLED_BACK, State.FAILED_SAFE, State.REFUSED})


class StepPrinter:
    """Feed it every record; it keeps the time between a step's start and end."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._began: dict[State, float] = {}

    def __call__(self, transaction: Transaction) -> None:
        """Print one line."""
        state = transaction.state
        if transaction.phase is Phase.INTENT:
            self._began[state] = time.monotonic()
            word = "START"
        else:
            word = "FAIL" if state in _BAD else "OK"
        elapsed = round(time.monotonic() - self._began.get(state, time.monotonic()), 3) if word != "START" else 0
        told = word == "FAIL" or state is State.ROLLING_BACK
        notes = str(transaction.failure.get("detail", "")) if told else ""
        detail = {"artifact": transaction.target, "elapsed_s": elapsed, "notes": notes}
        print(f"APPLIANCE_STEP:upgrade-{state.lower()}:{word}:{json.dumps(detail)}", file=self._out, flush=True)
