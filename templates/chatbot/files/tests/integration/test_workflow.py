"""The workflow as NAT builds it from the config, in this process, without a model."""

import asyncio
from pathlib import Path

from nat.builder.workflow_builder import WorkflowBuilder
from nat.runtime.loader import PluginTypes, discover_and_register_plugins, load_config

CONFIG = Path(__file__).parents[2] / "configs" / "config.yml"


def test_the_config_builds_and_its_calculator_calculates() -> None:
    async def built() -> tuple[str, list[str]]:
        discover_and_register_plugins(PluginTypes.ALL)
        config = load_config(CONFIG)
        async with WorkflowBuilder.from_config(config=config) as builder:
            calculate = await builder.get_function("calculate")
            return await calculate.ainvoke("6 * 7"), list(config.functions)

    answer, tools = asyncio.run(built())
    assert answer == "42"
    assert tools == ["calculate", "now"]
