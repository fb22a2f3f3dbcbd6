"""The API's figures once, for people and scripts that run no Prometheus."""

from collections.abc import Iterator
from typing import Any

import click

from att.surfaces.cli import output
from att.surfaces.cli.failure import OK
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import leaf


def snapshot() -> click.Command:
    """/metrics is no operation: a scraper reads it as text."""

    def act(match: str, buckets: bool) -> int:
        from att.surfaces.cli.run import client_for

        options: Options = click.get_current_context().obj
        found = [one for one in rows(client_for(options).figures(), buckets=buckets) if match in one["figure"]]
        output.show({"figures": found}, options.format)
        return OK

    return leaf(
        "snapshot",
        act,
        "Show the figures of /metrics as they are now",
        "attctl metrics snapshot --match http_requests",
        [
            click.Option(["--match"], default="", help="Only figures with this in their name."),
            click.Option(["--buckets"], is_flag=True, help="The buckets of histograms too."),
        ],
    )


def rows(text: str, *, buckets: bool) -> Iterator[dict[str, Any]]:
    """Yield each figure of Prometheus' text form with its labels and value; when a counter was made is left out."""
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_created") or (sample.name.endswith("_bucket") and not buckets):
                continue
            labels = ", ".join(f"{name}={value}" for name, value in sample.labels.items())
            yield {"figure": sample.name, "labels": labels, "value": sample.value}
