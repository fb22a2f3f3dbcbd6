"""What moved a branch of the forge, as git's own log tells it."""

from pathlib import Path


def moves(bare: Path, branch: str) -> list[str]:
    """Return the reason of each move of a branch, the oldest first.

    git writes the line of a move before it moves the ref: the last line of a git that was killed in between stands
    for nothing. What really moved is where the next line, or the ref itself, goes on.
    """
    log, ref = bare / "logs" / "refs" / "heads" / branch, bare / "refs" / "heads" / branch
    lines = [line.partition("\t") for line in log.read_text().splitlines()] if log.exists() else []
    before = [values.split(" ")[0] for values, _, _ in lines]
    after = [values.split(" ")[1] for values, _, _ in lines]
    goes_on = [*before[1:], ref.read_text().strip() if ref.exists() else None]
    return [reason for (_, _, reason), new, next_old in zip(lines, after, goes_on, strict=False) if new == next_old]
