"""`make bench`: measure everything, print it, write it to tests/evidence/bench.md."""

from tests.bench import local, memory
from tests.bench.table import write


def main() -> None:
    write("bench", "make bench", [*local.attctl(), *local.api(), *memory.services()])


if __name__ == "__main__":
    main()
