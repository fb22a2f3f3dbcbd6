"""`python -m att_nat.serve --config FILE --port N`: `nat serve` with the project's own package offered to it.

The project is the folder that it runs in. It ends with 1 and the traceback when a plugin of the project fails to
import (NAT itself would only log that and go on without it), with 2 when pyproject.toml cannot be read.
"""

import argparse
import os
import sys
import traceback
from importlib.metadata import EntryPoint
from pathlib import Path

from att_nat.package import CannotOffer, Package, offer, read_package
from att_nat.scratch import scratch


def main(arguments: list[str]) -> int:
    """Serve until stopped; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m att_nat.serve", description="Serve a project's NAT workflow.")
    parser.add_argument("--config", required=True, help="the NAT config, relative to the project")
    parser.add_argument("--port", required=True, type=int, help="TCP port on 127.0.0.1")
    parser.add_argument("options", nargs="*", help="further options of `nat serve`, after --")
    options = parser.parse_args(arguments)
    quiet_telemetry()
    with scratch() as folder:
        try:
            package = read_package(Path.cwd())
        except CannotOffer as error:
            sys.stderr.write(f"{error}\n")
            return 2
        if package is not None:
            offer(package, folder)
            failed = failed_plugin(package)
            if failed:
                sys.stderr.write(failed)
                return 1
        where = ("--host", "127.0.0.1", "--port", str(options.port))
        return _nat(["serve", "--config_file", options.config, *where, *options.options])


def quiet_telemetry() -> None:
    """Keep NAT from reporting its use, and from asking whether it may."""
    os.environ["NAT_TELEMETRY_ENABLED"] = "false"
    os.environ["NAT_TELEMETRY_ENDPOINT"] = ""


def failed_plugin(package: Package) -> str:
    """Import the package's plugins as NAT will; return the traceback of the first that fails, else nothing."""
    from nat.cli.type_registry import GlobalTypeRegistry  # takes seconds; the package must be offered before

    with GlobalTypeRegistry.get().pause_registration_changed_hooks():
        for name, value in package.plugins():
            try:
                EntryPoint(name, value, "nat.components").load()
            except Exception:  # noqa: BLE001 - the project's code may raise anything; all of it is told
                return f"{traceback.format_exc()}Failed to import plugin '{name}' ({value}) of {package.name}\n"
    return ""


def _nat(words: list[str]) -> int:
    from nat.cli.main import run_cli  # takes seconds; the package must be offered before

    sys.argv = ["nat", *words]
    return run_cli() or 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
