"""The engine dies before any change of the disk, its recovery dies too, a power cut takes what nobody synced."""

from pathlib import Path

import pytest
from tests.bench.table import Row, write
from tests.crash.calls import watched
from tests.crash.moments import kills, seeded
from tests.crash.twice import WORKS, Tried, try_pairs

PLACES, AGAIN = 4, 1
"""Of `make test`: how many effects of each work, and of each recovery."""
ALL, AGAIN_LONG = 1_000, 1


@pytest.mark.parametrize("name", WORKS)
def test_whatever_dies_twice_leaves_a_whole_machine(tmp_path: Path, name: str) -> None:
    _, seeds = seeded()
    with watched() as watch:
        found = try_pairs(tmp_path, watch, WORKS[name], seeds, places=PLACES, again=AGAIN)
    assert not found.bad, "\n".join(found.bad)
    assert found.deaths > found.pairs > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_table_of_deaths(tmp_path: Path) -> None:
    seed, seeds = seeded()
    every: dict[str, Tried] = {}
    with watched() as watch:
        for name, work in WORKS.items():
            every[name] = try_pairs(tmp_path, watch, work, seeds, places=kills(ALL), again=AGAIN_LONG)
            assert not every[name].bad, "\n".join([name, *every[name].bad])
            print(f"{name}: {every[name].pairs} pairs of deaths", flush=True)
    first = {(name, point) for name, found in every.items() for point in found.first}
    second = {point for found in every.values() for point in found.second}
    rows = [
        Row("distinct effects died at, with their place", f"{len({point for _, point in first})}", "200"),
        Row("distinct effects of recoveries died at", f"{len(second)}", ""),
        Row("pairs of deaths", f"{sum(found.pairs for found in every.values())}", ""),
        Row("bad ends", f"{sum(len(found.bad) for found in every.values())}", "0"),
        *(
            Row(
                name,
                f"{one.effects} effects, {one.deaths} deaths, {one.pairs} of them twice, bad {len(one.bad)}",
            )
            for name, one in every.items()
        ),
    ]
    write("deaths", "make e2e", rows, of=f"ATT_SEED={seed}")
