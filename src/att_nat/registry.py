"""NAT's own side of the catalogue: the plugins of this venv, discovered once a process."""

import importlib
import importlib.metadata
import logging
from collections.abc import Mapping
from typing import Any

from nat.cli.type_registry import GlobalTypeRegistry
from nat.data_models.component import ComponentEnum
from nat.data_models.component_ref import ComponentRef
from nat.data_models.config import Config
from nat.runtime.loader import PluginTypes, discover_and_register_plugins
from pydantic import BaseModel

from att_nat.catalogue import KINDS, Catalogue, Component, Issue, NatSchema, Section, issues
from att_nat.source import Bases

_SECTIONS = ("general", "eval", "optimizer", "finetuning")
_BASES: Mapping[str, tuple[str, ...]] = {
    "function": ("nat.data_models.function", "FunctionBaseConfig"),
    "function_group": ("nat.data_models.function", "FunctionGroupBaseConfig"),
    "llm_provider": ("nat.data_models.llm", "LLMBaseConfig"),
    "embedder_provider": ("nat.data_models.embedder", "EmbedderBaseConfig"),
    "retriever_provider": ("nat.data_models.retriever", "RetrieverBaseConfig"),
    "memory": ("nat.data_models.memory", "MemoryBaseConfig"),
    "object_store": ("nat.data_models.object_store", "ObjectStoreBaseConfig"),
    "middleware": ("nat.data_models.middleware", "MiddlewareBaseConfig", "FunctionMiddlewareBaseConfig"),
    "auth_provider": ("nat.data_models.authentication", "AuthProviderBaseConfig"),
    "ttc_strategy": ("nat.data_models.ttc_strategy", "TTCStrategyBaseConfig"),
    "front_end": ("nat.data_models.front_end", "FrontEndBaseConfig"),
    "evaluator": ("nat.data_models.evaluator", "EvaluatorBaseConfig", "EvaluatorLLMConfig"),
    "tracing": ("nat.data_models.telemetry_exporter", "TelemetryExporterBaseConfig"),
    "logging": ("nat.data_models.logging", "LoggingBaseConfig"),
}
"""Kind → module and names of the classes that a project's own components derive from."""


class Refused(logging.Handler):
    """Collects what NAT's loader logs about plugins that failed to load: it goes on without them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line of a record."""
        reason = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.told.append(f"{record.getMessage()}{reason}"[:500])


def nat_version() -> str:
    """Return the version of NAT in this venv."""
    return importlib.metadata.version("nvidia-nat-core")


def discover() -> tuple[Catalogue, list[str]]:
    """Load every plugin of the venv; return what they offer and what failed to load."""
    refused = Refused()
    log = logging.getLogger("nat.runtime.loader")
    log.addHandler(refused)
    try:
        discover_and_register_plugins(PluginTypes.ALL)
    finally:
        log.removeHandler(refused)
    components = [_component(kind, info) for kind in KINDS for info in _infos(kind)]
    fields = Config.model_fields
    sections = {name: Section(_model(fields[name].annotation), _Schema) for name in _SECTIONS if name in fields}
    top = frozenset({*fields, "base"})
    return Catalogue(tuple(components), sections, top, whole=_whole), refused.told


def bases(catalogue: Catalogue) -> Bases:
    """Return what a class of a project may derive from: NAT's bases, and the config of every known component."""
    models = {one.model.__name__: (one.kind, one.model) for one in catalogue.components}
    for kind, (module, *names) in _BASES.items():
        found = importlib.import_module(module)
        models.update({name: (kind, getattr(found, name)) for name in names if hasattr(found, name)})
    return Bases(models, {one.__name__: one for one in _REFERENCES}, _Schema)


def _component(kind: str, info: Any) -> Component:
    about = info.discovery_metadata
    return Component(
        kind,
        info.local_name,
        info.config_type,
        info.full_type,
        about.package,
        about.version,
        about.description,
        generator=_Schema,
    )


def _infos(kind: str) -> list[Any]:
    return sorted(
        GlobalTypeRegistry.get().get_infos_by_type(ComponentEnum(kind)).values(), key=lambda one: one.local_name
    )


def _model(annotation: Any) -> type[BaseModel]:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise TypeError(f"cannot read NAT's config: {annotation} is no model")
    return annotation


def _whole(data: Any) -> list[Issue]:
    return issues(Config, data)


def _subclasses(of: type) -> list[type]:
    children: list[type] = of.__subclasses__()
    return [one for child in children for one in (child, *_subclasses(child))]


_REFERENCES = _subclasses(ComponentRef)


class _Schema(NatSchema):
    references = {one: one("x").component_group.value for one in _REFERENCES}  # noqa: RUF012 - never changed
