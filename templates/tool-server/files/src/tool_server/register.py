"""Makes the functions tools: what NAT loads when the app starts."""

from collections.abc import AsyncIterator

from nat.plugin_api import Builder, FunctionBaseConfig, FunctionInfo, register_function
from pydantic import Field

from tool_server.text import count
from tool_server.units import CannotConvert, convert


class ConvertConfig(FunctionBaseConfig, name="tool_server_convert"):
    """The converter's settings in the config, below `_type: tool_server_convert`."""

    digits: int = Field(default=6, ge=1, le=15, description="significant digits of the answer")


class CountConfig(FunctionBaseConfig, name="tool_server_count"):
    """The counter has no settings."""


@register_function(config_type=ConvertConfig)
async def converter(config: ConvertConfig, _builder: Builder) -> AsyncIterator[FunctionInfo]:
    """Publish the converter."""

    async def _convert(value: float, source: str, target: str) -> str:
        """Convert a value from one unit (mm cm m km in ft mi g kg lb s min h) to another."""
        try:
            return f"{value:g} {source} = {convert(value, source, target):.{config.digits}g} {target}"
        except CannotConvert as error:
            return f"cannot convert: {error}"

    yield FunctionInfo.from_fn(_convert, description=_convert.__doc__)


@register_function(config_type=CountConfig)
async def counter(_config: CountConfig, _builder: Builder) -> AsyncIterator[FunctionInfo]:
    """Publish the counter."""

    async def _count(text: str) -> str:
        """Count the characters, words and lines of a text."""
        found = count(text)
        return f"{found.characters} characters, {found.words} words, {found.lines} lines"

    yield FunctionInfo.from_fn(_count, description=_count.__doc__)
