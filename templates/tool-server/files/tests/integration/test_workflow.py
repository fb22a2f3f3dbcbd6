"""The workflow as NAT builds it from the config, in this process, without a model."""

import asyncio
from pathlib import Path

from nat.builder.workflow_builder import WorkflowBuilder
from nat.runtime.loader import PluginTypes, discover_and_register_plugins, load_config

CONFIG = Path(__file__).parents[2] / "configs" / "config.yml"


def test_the_config_builds_and_its_tools_answer() -> None:
    async def built() -> tuple[str, str]:
        discover_and_register_plugins(PluginTypes.ALL)
        async with WorkflowBuilder.from_config(config=load_config(CONFIG)) as builder:
            convert, count = await builder.get_function("convert"), await builder.get_function("count")
            return (
                await convert.ainvoke({"value": 5, "source": "km", "target": "m"}),
                await count.ainvoke("one two"),
            )

    assert asyncio.run(built()) == ("5 km = 5000 m", "7 characters, 2 words, 1 lines")
