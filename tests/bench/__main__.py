"""`make bench`: measure everything, print it, write it to tests/evidence/bench.md."""

from tests.bench import local
from tests.bench.table import write


def main() -> None:
    write("bench", "make bench", [*local.attctl(), *local.api()])


if __name__ == "__main__":
    main()
