"""How often something is killed, and at which moments: `ATT_KILLS` and `ATT_SEED` say so, else a few, at any."""

import os
import random


def kills(few: int) -> int:
    """Return how often to kill: `few` where nobody says."""
    return int(os.environ.get("ATT_KILLS", few))


def seeded() -> tuple[int, random.Random]:
    """Return a seed, which is printed, and the moments that it gives."""
    seed = int(os.environ.get("ATT_SEED", random.SystemRandom().randrange(10_000)))
    print(f"ATT_SEED={seed}")
    return seed, random.Random(seed)
