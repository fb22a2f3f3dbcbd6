"""`make bench`: measure everything, print it, write it to tests/evidence/bench.md."""

from tests.appliance.vm.operated import image_to_try
from tests.bench import local, mcp, memory, nat
from tests.bench.table import write


def main() -> None:
    image = image_to_try()
    rows = [*local.attctl(), *local.api(), *nat.worker(), *mcp.status(), *memory.services(image)]
    write("bench", "make bench", rows, of=f"memory in image {image.version}")


if __name__ == "__main__":
    main()
