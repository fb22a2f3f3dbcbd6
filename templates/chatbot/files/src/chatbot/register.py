"""Makes the calculator a tool: what NAT loads when the app starts."""

from collections.abc import AsyncIterator

from nat.plugin_api import Builder, FunctionBaseConfig, FunctionInfo, register_function
from pydantic import Field

from chatbot.calculator import CannotCalculate, calculate, shown


class CalculateConfig(FunctionBaseConfig, name="chatbot_calculate"):
    """The calculator's settings in the config, below `_type: chatbot_calculate`."""

    decimals: int = Field(default=6, ge=0, le=15, description="digits after the point")


@register_function(config_type=CalculateConfig)
async def calculator(config: CalculateConfig, _builder: Builder) -> AsyncIterator[FunctionInfo]:
    """Give the agent the calculator."""

    async def _calculate(expression: str) -> str:
        """Calculate an arithmetic expression such as 6 * (3 + 4) and return its value."""
        try:
            return shown(calculate(expression), config.decimals)
        except CannotCalculate as error:
            return f"cannot calculate {expression[:80]!r}: {error}"

    yield FunctionInfo.from_fn(_calculate, description=_calculate.__doc__)
