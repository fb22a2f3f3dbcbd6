"""Runs one command, in this process where the operation needs no API, else through it; prints, gives the exit code."""

import sys
from collections.abc import Mapping
from typing import Any

from att.kernel.errors import AttError, InvalidInput, Refused
from att.surfaces.cli import output
from att.surfaces.cli.carrying import content, save, upload
from att.surfaces.cli.client import Client
from att.surfaces.cli.failure import OK, tell_failure
from att.surfaces.cli.index import Spec
from att.surfaces.cli.target import Options, Target, remote, token_given

TEXT_BYTES_MAX = 1_000_000


def run(
    spec: Spec,
    given: Mapping[str, Any],
    options: Options,
    *,
    wait: bool = False,
    yes: bool = False,
    save_to: str | None = None,
) -> int:
    """Run the command and return its exit code; errors are raised. `save_to`: where the file of its result goes."""
    values = _with_texts(spec, given)
    if spec.effect == "destroy":
        arguments = "".join(f" {given[one.name]}" for one in spec.parameters if one.argument and one.name in given)
        confirm(f"{spec.command}{arguments}: {spec.summary}. Go on?", yes=yes)
    target = remote(options)
    if target is None and spec.local:
        return _local(spec, values, given, options, wait=wait)
    client = client_for(options, target)
    if spec.kind == "stream":
        from att.surfaces.cli.streams import follow

        return follow(client, spec, values, options.format)
    _, result = call(client, spec, _with_uploads(client, spec, values))
    if spec.kind == "job":
        return _job(client, spec, result, options, wait=wait or save_to is not None, save_to=save_to)
    output.show(result, options.format, spec.name)
    return exit_code(spec, result)


def call(client: Client, spec: Spec, values: Mapping[str, Any]) -> tuple[int, Any]:
    """Call one operation through the API; what a person has been asked here is confirmed there."""
    try:
        return client.call(spec.method, spec.path, values)
    except AttError as error:
        confirmation_id = error.data.get("confirmation_id")
        if error.code != "confirmation_required" or spec.effect != "destroy":
            raise
        return client.call(spec.method, spec.path, values, confirmation_id=str(confirmation_id))


def client_for(options: Options, target: Target | None = None) -> Client:
    """Return the client of the named appliance, else of the one this process runs on."""
    token = token_given(options)
    target = target or remote(options)
    if target is not None:
        return Client(target, lambda: token)
    from att.surfaces.cli.box import api_socket, local_token

    socket = api_socket()
    return Client(Target(socket), lambda: token or local_token())


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal unless `yes`; Refused when the answer is no, or when there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            "confirmation_required", "cannot do it unasked: there is no terminal to ask on", hint="pass --yes"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("confirmation_required", "cannot do it: the answer was no", hint="answer y, or pass --yes")


def exit_code(spec: Spec, result: Any) -> int:
    """Return the exit code of a result that came as JSON, telling on stderr the failure it may carry."""
    if not spec.exit_code:
        return OK
    from att.surfaces.table import find

    operation = find(spec.name)
    if operation.exit_code is None:
        return OK
    return tell_failure(result, operation.exit_code(operation.result.model_validate(result)))


def _local(spec: Spec, values: Mapping[str, Any], given: Mapping[str, Any], options: Options, *, wait: bool) -> int:
    if spec.name == "att.config.validate":
        from att.surfaces.cli.validate import validate

        output.show(validate(values["text"], str(given["text"])), options.format, spec.name)
        return OK
    from att.surfaces.cli.local import run_local

    return run_local(spec.name, values, options.format, wait=wait)


def _job(client: Client, spec: Spec, reference: Any, options: Options, *, wait: bool, save_to: str | None) -> int:
    job_id = str(reference["job_id"])
    if not wait:
        output.show(reference, options.format, spec.name)
        sys.stderr.write(f"watch it: attctl job watch {job_id}\n")
        return OK
    from att.surfaces.cli.wait import wait_for

    try:
        job = wait_for(client, job_id)
    except KeyboardInterrupt:
        output.show(reference, options.format, spec.name)
        sys.stderr.write(f"the job goes on: attctl job watch {job_id}\n")
        raise
    if save_to is not None:
        save(client, job["result"], save_to)
    output.show(job["result"], options.format, spec.name)
    return exit_code(spec, job["result"])


def _with_texts(spec: Spec, given: Mapping[str, Any]) -> dict[str, Any]:
    texts = {one.name for one in spec.parameters if one.type == "text"}
    return {name: _text_of(value, name) if name in texts else value for name, value in given.items()}


def _text_of(path: str, field: str) -> str:
    data = content(path, field, TEXT_BYTES_MAX)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("invalid_input", f"cannot read {path}: not UTF-8 at byte {error.start}") from error


def _with_uploads(client: Client, spec: Spec, values: Mapping[str, Any]) -> dict[str, Any]:
    sent = dict(values)
    for one in spec.parameters:
        if one.type == "upload" and one.name in sent:
            sent[one.name] = upload(client, str(sent[one.name]), one.name)
    return sent
