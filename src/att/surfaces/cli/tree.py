"""The command tree: groups and commands made from the index when they are asked for."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

import click

from att.surfaces.cli.groups import GROUPS
from att.surfaces.cli.index import Parameter, Spec, specs
from att.surfaces.cli.target import Options

Words = tuple[str, ...]
Extra = Callable[[], click.Command]
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_HOOKS = ("wait", "yes")


class Group(click.Group):
    """One level of the tree below `words`; makes a command only when it is called for."""

    def __init__(self, words: Words, extras: Mapping[Words, Extra], **settings: Any) -> None:
        super().__init__(words[-1] if words else "attctl", context_settings=CONTEXT, **settings)
        self._words = words
        self._extras = extras
        if words:
            self.short_help = GROUPS.get(words, " ".join(words))
            self.help = f"{self.short_help}."

    def list_commands(self, ctx: click.Context | None) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names one level down, sorted."""
        depth = len(self._words)
        known = [*specs(), *self._extras]
        return sorted({words[depth] for words in known if len(words) > depth and words[:depth] == self._words})

    def get_command(self, ctx: click.Context | None, name: str) -> click.Command | None:
        """Return the command or group of that name, None when there is none."""
        words = (*self._words, name)
        if words in self._extras:
            return self._extras[words]()
        if words in specs():
            return command_of(specs()[words])
        if name in self.list_commands(ctx):
            return Group(words, self._extras)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begins with; a UsageError says what may have been meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            meant = f", did you mean {close[0]}?" if close else ""
            ctx.fail(f"no command {name}{meant}")
        return super().resolve_command(ctx, args)


class Command(click.Command):
    """A leaf: takes the options of every command too, without listing them again in its help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, then lay this command's common options over those given before it."""
        rest = super().parse_args(ctx, args)
        given = {one.name: ctx.params.pop(one.name, None) for one in fields(Options)}
        as_json = ctx.params.pop("json", False)
        outer = ctx.obj if isinstance(ctx.obj, Options) else Options()
        ctx.obj = replace(outer, **{name: value for name, value in given.items() if value})
        if as_json:
            ctx.obj = replace(ctx.obj, format="json")
        return rest


def command_of(spec: Spec) -> click.Command:
    """Return the command of one operation."""
    params: list[click.Parameter] = [_parameter(one) for one in spec.parameters]
    if spec.kind == "job":
        params.append(click.Option(["--wait"], is_flag=True, help="Wait for the end, show progress on stderr."))
    if spec.effect == "destroy":
        params.append(click.Option(["--yes", "-y"], is_flag=True, help="Do not ask first."))

    if spec.saves:
        params.append(click.Option(["--output", "-o"], metavar="FILE", help="Wait, then save the file there."))

    def act(**values: Any) -> int:
        from att.surfaces.cli.run import run

        save_to = values.pop("output", None) if spec.saves else None
        hooks = {name: bool(values.pop(name)) for name in _HOOKS if name in values and name in _own(spec)}
        given = {name: value for name, value in values.items() if value not in (None, ())}
        options: Options = click.get_current_context().obj
        return run(spec, {name: _listed(value) for name, value in given.items()}, options, save_to=save_to, **hooks)

    example = f"{spec.command} {spec.example}".strip()
    return leaf(spec.words[-1], act, spec.summary, example, params, _argument_help(spec.parameters))


def leaf(
    name: str,
    act: Callable[..., int],
    summary: str,
    example: str,
    params: Sequence[click.Parameter] = (),
    arguments: str = "",
) -> click.Command:
    """Return a command with the common options and its help: summary, arguments, an example."""
    return Command(
        name,
        context_settings=CONTEXT,
        callback=act,
        params=[*params, *common_options(hidden=True)],
        help=f"{summary}.{arguments}",
        short_help=summary,
        epilog=f"\b\nExample:\n  {example}\n\nOptions of every command (--json, --url, …): attctl --help",
    )


def common_options(*, hidden: bool) -> list[click.Parameter]:
    """Return the options every command takes; shown in the help of `attctl` alone."""

    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option([*names], hidden=hidden, **settings)

    env = (lambda _name: None) if hidden else (lambda name: name)
    return [
        option("--format", type=click.Choice(["table", "json", "yaml"]), help="Form of the result (default: table)."),
        option("--json", is_flag=True, help="Short for --format json."),
        option("--url", envvar=env("ATT_URL"), help="Another appliance, https://HOST:PORT (or ATT_URL)."),
        option("--token", envvar=env("ATT_TOKEN"), help="API token; better in ATT_TOKEN or a file: others can see it."),
        option("--token-file", type=click.Path(), help="File that holds the API token."),
        option("--cacert", type=click.Path(), help="Trust certificates of this PEM file."),
        option("--fingerprint", help="Trust the one certificate with this SHA-256."),
        option("--insecure", is_flag=True, help="Trust any certificate: only where nobody listens."),
    ]


def _own(spec: Spec) -> set[str]:
    return ({"wait"} if spec.kind == "job" else set()) | ({"yes"} if spec.effect == "destroy" else set())


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _parameter(one: Parameter) -> click.Parameter:
    if one.argument:
        metavar = "FILE" if one.type in ("upload", "text") else one.name.upper()
        return click.Argument([one.name], required=one.required, metavar=metavar, type=_type(one))
    flag = one.name.replace("_", "-")
    names = [f"--{flag}/--no-{flag}"] if one.type == "boolean" else [f"--{flag}"]
    default = f" (default: {one.default})" if one.default is not None else ""
    unset: dict[str, Any] = {"required": True} if one.required else {"default": None}
    return click.Option(
        [*names, one.name],
        **unset,
        multiple=one.multiple,
        type=None if one.type == "boolean" else _type(one),
        help=f"{one.help[:1].upper()}{one.help[1:]}{default}",
    )


def _type(one: Parameter) -> click.ParamType[Any] | type:
    match one.type:
        case "integer":
            return int
        case "number":
            return float
        case "choice":
            return click.Choice(one.choices)
        case "json":
            return _Json()
        case _:
            return str


class _Json(click.ParamType[Any]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"not JSON: {error}", param, ctx)


def _argument_help(parameters: Sequence[Parameter]) -> str:
    rows = [("FILE" if one.type in ("upload", "text") else one.name.upper(), one) for one in parameters if one.argument]
    if not rows:
        return ""
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {_file_help(one)}" for name, one in rows]
    return "\n\n\b\nArguments:\n" + "\n".join(lines)


def _file_help(one: Parameter) -> str:
    text = f"{one.help[:1].upper()}{one.help[1:]}"
    return f"{text} (`-`: standard input)" if one.type == "text" else text
