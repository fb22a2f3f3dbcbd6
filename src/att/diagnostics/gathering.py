"""Asks every source, each within its bounds: one that fails or hangs is named, and the others are asked too."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from att.diagnostics.reading import Material
from att.diagnostics.sources import TOTAL_BYTES_MAX, TOTAL_SECONDS_MAX, Source

MARGIN_SECONDS = 5.0
"""How much longer than its own bound a source may take before it counts as hanging."""


@dataclass(frozen=True)
class Gathered:
    """What one source gave, and how long it took."""

    source: Source
    material: Material
    seconds: float


def gather(
    sources: Iterable[Source], read: Callable[[Source], Material], clock: Callable[[], float]
) -> Iterator[Gathered]:
    """Yield what each source gives, in order; `clock` is monotonic, in seconds.

    What hangs (a dead disk, a service manager that never answers) is left behind in a thread of its own, which ends
    with this process.
    """
    began, bytes_left = clock(), TOTAL_BYTES_MAX
    for source in sources:
        asked = clock()
        if asked - began > TOTAL_SECONDS_MAX:
            material = Material(problem="left out: the others took all the time there is")
        elif bytes_left <= 0:
            material = Material(problem="left out: the others took all the space there is")
        else:
            material = _within(source, read)
        bytes_left -= len(material.text)
        yield Gathered(source, material, round(clock() - asked, 2))


def _within(source: Source, read: Callable[[Source], Material]) -> Material:
    answer: list[Material] = []
    reader = threading.Thread(target=lambda: answer.append(read(source)), daemon=True, name=source.name)
    reader.start()
    reader.join(source.seconds_max + MARGIN_SECONDS)
    if reader.is_alive():
        return Material(problem=f"hangs: no answer within {source.seconds_max:.0f} s")
    if not answer:
        return Material(problem="could not be read: the reader failed")
    return replace(answer[0], text=answer[0].text.replace("\r\n", "\n"))
