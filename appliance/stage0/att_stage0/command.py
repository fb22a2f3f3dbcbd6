"""The program `recover`: what boot, watchdog and operators call."""

import argparse
import json
import sys
from pathlib import Path

from att_stage0.asked_for import CannotGoBack, operator_rollback
from att_stage0.layout import APPLIANCE_TOML, Layout
from att_stage0.policy.decision import Context, Override
from att_stage0.readiness import SocketReadyz
from att_stage0.recover import recover, repair, watchdog
from att_stage0.steps import StepPrinter
from att_stage0.transaction import State
from att_stage0.units import Systemctl, UnitsFailed
from att_stage0.verdicts import Actor
from att_stage0.world import Busy, SystemClock, World


def main(arguments: list[str] | None = None) -> int:
    """`recover --boot | --watchdog | --rollback [--to VERSION] | --repair`; 0 when the machine is or becomes sound."""
    parser = argparse.ArgumentParser(prog="recover", description=__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    for name in ("boot", "watchdog", "rollback", "repair"):
        how.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--to", metavar="VERSION")
    parser.add_argument("--by", default="operator")
    parser.add_argument("--context", type=Context, choices=list(Context), default=Context.APPLIANCE)
    parser.add_argument("--override", action="store_true", help="go back although the policy asks")
    parser.add_argument("--facts", type=Path, default=APPLIANCE_TOML)
    chosen = parser.parse_args(arguments)
    layout = Layout.read(chosen.facts)
    world = World(
        layout, Systemctl(), SocketReadyz(layout.api_socket), SystemClock(), on_record=StepPrinter(sys.stderr)
    )
    try:
        return _run(world, chosen)
    except CannotGoBack as error:
        return _say(4, code=error.code, detail=str(error))
    except Busy as error:
        return _say(4, code="upgrade_running", detail=str(error))
    except (OSError, UnitsFailed) as error:
        return _say(4, code="internal", detail=str(error))


def _run(world: World, chosen: argparse.Namespace) -> int:
    if chosen.watchdog:
        verdict, transaction = watchdog(world)
    else:
        with world.lock(wait_seconds=30.0):
            if chosen.repair:
                detail = repair(world)
                return _say(4 if detail else 0, repaired=detail is None, detail=detail or "")
            if chosen.rollback:
                override = Override.ALLOW if chosen.override else Override.NONE
                done = operator_rollback(world, chosen.to, chosen.by, context=chosen.context, override=override)
                return _say(0 if done.state is State.ROLLED_BACK else 4, state=done.state, release=done.source)
            verdict, transaction = recover(world, Actor.BOOT)
    state = transaction.state if transaction else State.IDLE
    return _say(0, verdict=type(verdict).__name__, state=state)


def _say(exit_code: int, **answer: object) -> int:
    print(json.dumps(answer))  # noqa: T201
    return exit_code
