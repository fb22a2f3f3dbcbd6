"""What operators say to changes of the appliance by itself: to the engine, at the SSH door, whatever the API is."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from att.surfaces.cli import output
from att.surfaces.cli.failure import OK
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import leaf


def approve() -> click.Command:
    """An approval is a person's: the engine takes it from an operator's uid alone, never from the API."""

    def act(number: int, protected: bool, yes: bool) -> int:
        from att.surfaces.cli.engine import engine_call
        from att.surfaces.cli.run import confirm

        seen = engine_call("bootstrap_status", {"number": number})["proposal"]
        sys.stderr.write("\n".join(lines_of(seen)) + "\n")
        change = seen["proposal"]["change"]
        what = "become the running release, as root" if seen["releases"] else "be merged"
        confirm(f"May {seen['commit'][:12]} {what}?", yes=yes)
        said = {"number": number, "commit": seen["commit"], "tree": seen["tree"], "seen": seen["seen"]}
        named = {"protected": change["protected"]} if protected else {}
        _show(engine_call("bootstrap_approve", {**said, **named}))
        return OK

    named = click.Option(["--protected"], is_flag=True, help="Name the protected paths: the second approval does.")
    yes = click.Option(["--yes", "-y"], is_flag=True, help="Do not ask first.")
    return leaf(
        "approve",
        act,
        "Look at a proposed change of ATT itself, and let it become the running release",
        "attctl bootstrap approve 7",
        [_number(), named, yes],
    )


def deny() -> click.Command:
    """A no must not depend on the API either."""

    def act(number: int, reason: str) -> int:
        from att.surfaces.cli.engine import engine_call

        _show(engine_call("bootstrap_deny", {"number": number, "reason": reason}))
        return OK

    return leaf(
        "deny",
        act,
        "Refuse a proposed change of ATT itself, wherever its files come again",
        'attctl bootstrap deny 7 --reason "too wide"',
        [_number(), _reason()],
    )


def pause() -> click.Command:
    """Whoever sees something go wrong must not need the API to stop it."""

    def act(reason: str) -> int:
        from att.surfaces.cli.engine import engine_call

        output.show(engine_call("bootstrap_pause", {"reason": reason}), _form())
        return OK

    example = 'attctl bootstrap pause --reason "a visit"'
    return leaf("pause", act, "Have no change of ATT itself released until it is resumed", example, [_reason()])


def resume() -> click.Command:
    """Taken from whom `pause` is taken from."""

    def act() -> int:
        from att.surfaces.cli.engine import engine_call

        output.show(engine_call("bootstrap_resume"), _form())
        return OK

    return leaf("resume", act, "Let changes of ATT itself be released again", "attctl bootstrap resume")


def lines_of(seen: Mapping[str, Any]) -> Iterator[str]:
    """Yield what somebody who approves has to look at; nothing in it can move the cursor of a terminal."""
    proposal = seen["proposal"]
    change, difference = proposal["change"], proposal["difference"]
    if seen["subject"]:
        yield f"pull request {seen['number']}, which the API calls: {_plain(seen['subject'])}"
    else:
        yield f"pull request {seen['number']}"
    yield f"commit   {seen['commit']}"
    yield f"tree     {seen['tree']}"
    yield f"against  {seen['base']}, the running release's"
    if not seen["releases"]:
        yield "asked for without a release"
    kinds = (("+", "added"), ("~", "changed"), ("-", "removed"))
    yield "files    " + ", ".join(f"{difference[f'{kind}_count']} {kind}" for _, kind in kinds)
    for sign, kind in kinds:
        yield from _list(sign, difference[kind], difference[f"{kind}_count"])
    if change["protected"]:
        yield "protected paths, which take two approvals, the second with --protected:"
        yield from _all("!", change["protected"])
    if change["image"]:
        yield "paths that only a new image brings:"
        yield from _all("!", change["image"])
    if change["dropped"]:
        yield "tests that are collected no more, as the API tells them:"
        yield from _all("!", change["dropped"])
    for one in seen["approvals"]:
        names = ", naming the protected paths" if one["protected"] else ""
        yield f"approved by {_plain(one['by'])} at {one['at']}{names}"
    if seen["denied"]:
        yield f"denied by {_plain(seen['denied']['by'])}: {_plain(seen['denied']['reason']) or 'no reason given'}"


def _list(sign: str, paths: Sequence[str], count: int) -> Iterator[str]:
    yield from _all(sign, paths)
    if count > len(paths):
        yield f"  {sign} and {count - len(paths)} more"


def _all(sign: str, paths: Sequence[str]) -> Iterator[str]:
    return (f"  {sign} {_plain(path)}" for path in paths)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _show(found: Mapping[str, Any]) -> None:
    """Write how the proposal stands, without what was shown before the question."""
    output.show({name: value for name, value in found.items() if name not in ("proposal", "seen")}, _form())


def _form() -> str:
    options: Options = click.get_current_context().obj
    return options.format


def _number() -> click.Argument:
    return click.Argument(["number"], type=click.IntRange(1, 1_000_000_000))


def _reason() -> click.Option:
    return click.Option(["--reason"], default="", help="Why, in a few words; it is kept and shown.")
