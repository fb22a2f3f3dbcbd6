"""The cases of the operations on models."""

from tests.contract.case import Case

ADDED = {"name": "vllm", "base_url": "http://10.0.0.5:8000/v1", "models": ["llama"]}

CASES: tuple[Case, ...] = (
    Case("att.models.list"),
    Case("att.models.add", {**ADDED, "base_url": "ftp://10.0.0.5/v1"}, "invalid_input", told="scheme"),
    Case("att.models.add", {**ADDED, "base_url": "http://169.254.169.254/v1"}, "invalid_input", told="metadata"),
    Case("att.models.add", {**ADDED, "name": "No Name"}, "invalid_input", told="name"),
    Case("att.models.add", {**ADDED, "models": ["has space"]}, "invalid_input", told="model"),
    Case("att.models.test", {"name": "nobody"}, "provider_unknown"),
    Case("att.models.remove", {"name": "nobody"}, "provider_unknown"),
    Case("att.models.key", {"days": 2}, stable=False),
    Case("att.models.key", {"days": 0}, "invalid_input"),
)
