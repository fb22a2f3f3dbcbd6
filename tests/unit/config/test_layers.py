"""Defaults, file, environment: which wins, and who is named."""

import copy

from att.config import json_schema
from att.config.document import Place, read
from att.config.layers import Layers, Origin, lay


def layers(text: str, **environ: str) -> Layers:
    return lay(json_schema.load(), read(text), environ)


def test_the_file_wins_over_the_default_and_the_environment_over_the_file() -> None:
    found = layers("disk:\n  warn_percent: 70\n  free_mb_min: 1\n", ATT_DISK_WARN_PERCENT="60")
    assert found.problems == []
    assert found.values["disk"] == {"warn_percent": 60, "limit_percent": 95, "free_mb_min": 1}
    assert found.origins["disk", "warn_percent"] == Origin("environment", name="ATT_DISK_WARN_PERCENT")
    assert found.origins["disk", "free_mb_min"] == Origin("file", place=Place(3, 3))
    assert found.origins["disk", "limit_percent"] == Origin("default")


def test_lists_and_words_come_from_the_environment_too() -> None:
    found = layers("", ATT_API_ALLOWED_HOSTS="a.example, b.example,", ATT_LOG_LEVEL="debug")
    assert found.values["api"]["allowed_hosts"] == ["a.example", "b.example"]
    assert found.values["log"]["level"] == "debug"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert layers("", ATT_LOG_LEVEL="").origins["log", "level"].source == "default"


def test_another_name_of_a_variable_is_taken_too_and_may_not_say_something_else() -> None:
    schema = copy.deepcopy(json_schema.load())
    schema["properties"]["jobs"]["properties"]["running_max"]["env"].append("JOBS_LIMIT")
    found = lay(schema, read(""), {"JOBS_LIMIT": "7"})
    assert found.values["jobs"]["running_max"] == 7
    assert found.origins["jobs", "running_max"] == Origin("environment", name="JOBS_LIMIT")
    assert lay(schema, read(""), {"JOBS_LIMIT": "7", "ATT_JOBS_RUNNING_MAX": "7"}).problems == []
    (problem,) = lay(schema, read(""), {"JOBS_LIMIT": "7", "ATT_JOBS_RUNNING_MAX": "8"}).problems
    assert str(problem) == "jobs.running_max: ATT_JOBS_RUNNING_MAX and JOBS_LIMIT say different things: set one of them"


def test_a_wrong_variable_is_named() -> None:
    problems = [str(one) for one in layers("", ATT_DISK_WARN_PERCENT="much").problems]
    assert problems == [
        "disk.warn_percent: expected a whole number, found 'much' (set by ATT_DISK_WARN_PERCENT)",
    ]


def test_a_contradiction_stands_where_the_setting_or_its_section_is() -> None:
    assert str(layers("disk:\n  warn_percent: 96\n").problems[0]).startswith("disk.warn_percent (line 2, column 3)")
    assert str(layers("disk:\n  limit_percent: 50\n").problems[0]).startswith("disk.warn_percent (line 1, column 1)")


def test_a_file_that_cannot_be_read_leaves_the_defaults() -> None:
    found = layers("a: [")
    assert found.problems
    assert found.values["disk"]["warn_percent"] == 85
