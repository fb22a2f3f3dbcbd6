"""What crosses the wire: pages of the guide and lines in which words were found."""

from pydantic import BaseModel, ConfigDict, Field


class DocsRequest(BaseModel):
    """Which page, or which words; neither lists the pages."""

    model_config = ConfigDict(extra="forbid")

    page: str | None = Field(
        default=None, max_length=64, description="a page's name", json_schema_extra={"cli": "argument"}
    )
    search: str | None = Field(
        default=None, min_length=1, max_length=100, description="the lines that hold all of these words"
    )


class DocsPage(BaseModel):
    """A page of the guide."""

    name: str
    title: str
    summary: str


class DocsLine(BaseModel):
    """A line in which all words stand, and the heading above it."""

    page: str
    heading: str
    line: str


class Docs(BaseModel):
    """`pages`: all of them, the one that was asked for, or those with a line that was found; `text` is Markdown."""

    pages: list[DocsPage]
    text: str | None = None
    found: list[DocsLine] = []
