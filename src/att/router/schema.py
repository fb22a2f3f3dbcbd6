"""Requests and results of the operations on models."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$"
URL_PATTERN = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"
KEY_DAYS = 30
KEY_DAYS_MAX = 366


class Strict(BaseModel):
    """A request that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ModelsList(Strict):
    """Nothing to say."""


class ProviderName(Strict):
    """One provider."""

    name: str = Field(pattern=NAME_PATTERN, description="The provider's name, from `models list`")


class ModelsAdd(Strict):
    """A provider that speaks OpenAI's protocol."""

    name: str = Field(
        pattern=NAME_PATTERN,
        description="Its name here; its models are asked for as `name/model`",
        json_schema_extra={"cli": "argument"},
    )
    base_url: str = Field(
        pattern=URL_PATTERN, max_length=500, description="Where its routes begin, e.g. https://api.example.org/v1"
    )
    models: list[Annotated[str, Field(pattern=MODEL_PATTERN)]] = Field(
        min_length=1, max_length=256, description="The models to offer, as the provider names them"
    )
    key: str | None = Field(
        default=None,
        max_length=8192,
        repr=False,
        description="The provider's key, one line; kept sealed and never shown again",
        json_schema_extra={"cli": "file", "writeOnly": True},
    )


class Provider(BaseModel):
    """A provider as it may be shown: never its key."""

    name: str
    base_url: str
    models: list[str]
    has_key: bool


class ModelsPage(BaseModel):
    """What the apps may ask for."""

    scripted: str = Field(description="The model that is always there: it follows rules, offline")
    script_problem: str | None = Field(
        description="What is wrong with the rule file; the rules before it go on to hold"
    )
    providers: list[Provider]


class ModelsTested(BaseModel):
    """How a provider answered when it was asked for its models."""

    name: str
    ok: bool
    status: int | None = Field(description="The HTTP status it answered with, null where it did not answer")
    milliseconds: int
    problem: str | None
    missing: list[str] = Field(description="Models configured here that the provider does not list")


class ModelsKey(Strict):
    """A key for the OpenAI-compatible door."""

    days: int = Field(default=KEY_DAYS, ge=1, le=KEY_DAYS_MAX, description="Days until it expires")


class ModelsKeyMade(BaseModel):
    """The only answer that carries the key."""

    key: str = Field(description="Send it as `Authorization: Bearer <key>` to /v1 of the appliance")
    expires: datetime
