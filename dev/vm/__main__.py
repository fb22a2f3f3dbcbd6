"""`python -m dev.vm VERB`: base, image, up, ssh, down, describe. What the Makefile's targets call."""

import argparse
import sys

from dev.vm import appliance, basedisk
from dev.vm.image import image
from dev.vm.step import VmError, say

_FAILED = 4
_INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Runs one verb and gives the exit code: 0, 4 for a failure told on stderr, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m dev.vm", description="The appliance's image and its machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("base", help="build the base disk, or take it from the cache")
    build = verbs.add_parser("image", help="build the image under artifacts/")
    build.add_argument("--fresh", action="store_true", help="build it though nothing has changed")
    verbs.add_parser("up", help="boot the appliance and print how to reach it")
    verbs.add_parser("down", help="shut the appliance down")
    shell = verbs.add_parser("ssh", help="open a shell on the appliance, or run a command there")
    shell.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("describe", help="say what is built and what runs, as JSON")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.verb:
            case "base":
                basedisk.base_disk()
            case "image":
                say(str(image(reuse=not chosen.fresh).disk))
            case "up":
                appliance.up()
            case "down":
                appliance.down()
            case "ssh":
                appliance.ssh(chosen.command)
            case _:
                appliance.describe()
    except VmError as error:
        sys.stderr.write(f"{error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
