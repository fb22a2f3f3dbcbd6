"""NAT's worker over the real NAT."""

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from tests.nat.conftest import REPOSITORY

pytestmark = pytest.mark.timeout(600)

TEMPLATES = sorted(path.name for path in (REPOSITORY / "templates").iterdir() if (path / "files").is_dir())
SOURCE = """
from nat.plugin_api import FunctionBaseConfig, LLMRef, register_function
class EchoConfig(FunctionBaseConfig, name="echo"):
    prefix: str
    llm: LLMRef | None = None
"""
REACT = "workflow: {_type: react_agent, llm_name: main, tool_names: [now]}\n"
LLM = "llms: {main: {_type: openai, model_name: m}}\n"
NOW = "functions: {now: {_type: current_datetime}}\n"


def judge(ask: Any, text: str, **more: Any) -> Any:
    return ask("validate", file="c.yml", files={"c.yml": text}, **more)


def told(ask: Any, text: str, **more: Any) -> list[tuple[str, str, str, int]]:
    problems = judge(ask, text, **more)["problems"]
    return [(one["severity"], one["code"], one["path"], one["line"]) for one in problems]


def test_every_plugin_of_the_release_loads(ask: Any) -> None:
    assert ask.ready["failed_plugins"] == []
    assert ask.ready["components"] > 90
    assert ask.ready["nat"].startswith("1.9.")


def test_every_component_has_a_schema_with_its_references_marked(ask: Any) -> None:
    found = ask("components", schema=True)["components"]
    assert len(found) == ask.ready["components"]
    assert all(one["fields"]["type"] == "object" for one in found)
    (react,) = (one for one in found if one["name"] == "react_agent")
    assert react["fields"]["properties"]["llm_name"]["x-nat-ref-group"] == "llms"
    groups = {branch["x-nat-ref-group"] for branch in react["fields"]["properties"]["tool_names"]["items"]["anyOf"]}
    assert groups == {"functions", "function_groups"}
    assert "max_iterations" in react["fields"]["x-nat-names"], "a field's other name"


def test_components_are_found_by_kind_name_and_words(ask: Any) -> None:
    kinds = {one["kind"] for one in ask("components")["components"]}
    assert {"function", "function_group", "llm_provider", "embedder_provider", "front_end", "evaluator"} <= kinds
    names = {one["name"] for one in ask("components", kind="llm_provider")["components"]}
    assert {"openai", "nim", "azure_openai"} <= names
    assert [one["kind"] for one in ask("components", name="react_agent")["components"]] == ["function"]
    own = ask("components", query="echo", sources={"src/echo_app/r.py": SOURCE}, package="echo-app")["components"]
    assert [(one["name"], one["full_name"], one["package"], one["own"]) for one in own] == [
        ("echo", "echo_app/echo", "echo-app", True)
    ]


def test_a_good_config_is_drawn_as_a_graph(ask: Any) -> None:
    verdict = judge(ask, LLM + NOW + REACT)
    assert verdict["problems"] == []
    assert {one["id"]: one["package"] for one in verdict["nodes"]} == {
        "llms.main": "nvidia-nat-core",
        "functions.now": "nvidia-nat-core",
        "workflow": "nvidia-nat-langchain",
    }
    assert {(one["source"], one["target"], one["field"]) for one in verdict["edges"]} == {
        ("workflow", "llms.main", "llm_name"),
        ("workflow", "functions.now", "tool_names[0]"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workflow: {_type: react_agent, tool_names: []}\n", [("error", "field_missing", "workflow", 1)]),
        (LLM + NOW + REACT.replace("[now]", "[nov]"), [("error", "reference_unknown", "workflow.tool_names[0]", 3)]),
        (LLM + NOW + REACT.replace("main", "mein"), [("error", "reference_unknown", "workflow.llm_name", 3)]),
        (LLM.replace("openai", "opnai") + NOW + REACT, [("error", "type_unknown", "llms.main._type", 1)]),
        (LLM.replace("m}", "m, seeds: 1}") + NOW + REACT, [("warning", "field_unknown", "llms.main.seeds", 1)]),
        (LLM.replace("m}", "m, seed: x}") + NOW + REACT, [("error", "value_invalid", "llms.main.seed", 1)]),
        (LLM + NOW + REACT + "llmz: {}\n", [("error", "section_unknown", "llmz", 4)]),
        (LLM + NOW + REACT + "general: {usse: 1}\n", [("error", "field_unknown", "general.usse", 4)]),
        (
            LLM + NOW + REACT + "general: {front_end: {_type: fastapi, prot: 1}}\n",
            [("warning", "field_unknown", "general.front_end.prot", 4)],
        ),
        (
            LLM + "functions: {now: {_type: react_agent, llm_name: main, tool_names: [now]}}\n" + REACT,
            [("error", "reference_cycle", "functions.now.tool_names[0]", 2)],
        ),
        (
            LLM + NOW.replace("datetime}", "datetime, middleware: [slow]}") + REACT,
            [("error", "reference_unknown", "functions.now.middleware[0]", 2)],
        ),
        (
            LLM + NOW + REACT + "general: {telemetry: {tracing: {f: {_type: file, output_path: x}}}}\n",
            [("error", "field_missing", "general.telemetry.tracing.f", 4)],
        ),
        (
            LLM + NOW + REACT + "eval: {evaluators: {e: {_type: nothing}}}\n",
            [("error", "type_unknown", "eval.evaluators.e._type", 4)],
        ),
    ],
)  # fmt: skip
def test_mistakes_that_nat_tells_late_or_never_are_told_with_their_line(
    ask: Any, text: str, expected: list[tuple[str, str, str, int]]
) -> None:
    assert told(ask, text) == expected


def test_a_component_of_the_project_is_checked_like_any_other(ask: Any) -> None:
    text = LLM + "workflow: {_type: echo, prefx: x, llm: mein}\n"
    sources = {"src/echo_app/register.py": SOURCE}
    assert [one[:3] for one in told(ask, text, sources=sources)] == [
        ("error", "field_missing", "workflow"),
        ("warning", "field_unknown", "workflow.prefx"),
        ("error", "reference_unknown", "workflow.llm"),
    ]
    assert told(ask, LLM + "workflow: {_type: echo, prefix: x, llm: main}\n", sources=sources) == []
    assert told(ask, "workflow: {_type: echo}\n") == [("error", "type_unknown", "workflow._type", 1)]
    assert told(ask, "workflow: {_type: echo}\n", sources={"a.py": ""}, whole=False)[0][0] == "warning"
    assert told(ask, "workflow: {_type: current_datetime}\n", sources={"a.py": "def ("})[0][1] == "source_invalid"


def test_a_config_is_judged_with_its_bases(ask: Any) -> None:
    text = "base: ../base.yml\nworkflow: {llm_name: mein}\n"
    files: dict[str, str | None] = {"configs/c.yml": text}
    assert ask("validate", file="configs/c.yml", files=files) == {"needs": "base.yml"}
    files["base.yml"] = LLM + NOW + REACT
    (problem,) = ask("validate", file="configs/c.yml", files=files)["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("reference_unknown", "configs/c.yml", 2)
    for base in (None, "base: configs/c.yml\n"):
        files["base.yml"] = base
        codes = [one["code"] for one in ask("validate", file="configs/c.yml", files=files)["problems"]]
        assert "base_missing" in codes
    for name in ("/etc/passwd", "../../x", "[1]", '"a\\0b"', "."):
        problems = ask("validate", file="c.yml", files={"c.yml": f"base: {name}\n"})["problems"]
        assert "base_missing" in [one["code"] for one in problems]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_config_of_each_template_is_valid(ask: Any, template: str) -> None:
    folder = REPOSITORY / "templates" / template / "files"
    sources = {str(path.relative_to(folder)): path.read_text() for path in (folder / "src").rglob("*.py")}
    text = (folder / "configs" / "config.yml").read_text()
    known = ["ATT_ROUTER_URL", "ATT_ROUTER_KEY"]
    assert told(ask, text, sources=sources, package=template, variables=known) == []


def test_what_the_worker_does_not_know_is_answered_with_an_error_and_it_lives_on(ask: Any) -> None:
    assert "KeyError" in ask("nothing")
    assert "KeyError" in ask("validate")
    assert told(ask, LLM + NOW + REACT) == []


def test_a_warm_validation_takes_less_than_50_ms_of_the_worker(ask: Any) -> None:
    text = (
        LLM
        + "functions:\n"
        + "".join(f"  f{n}: {{_type: current_datetime}}\n" for n in range(30))
        + REACT.replace("[now]", "[f1]")
    )
    spent = []
    for _ in range(11):
        started = _processor_seconds(ask.process.pid), time.perf_counter()
        assert told(ask, text) == []
        spent.append(_processor_seconds(ask.process.pid) - started[0])
    assert statistics.mean(spent) < 0.05


def test_the_worker_fits_into_its_memory(ask: Any) -> None:
    status = Path(f"/proc/{ask.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(line.split()[1]) < 300 * 1024


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
