import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.nat.models import Agent, catalogue, component

from att_nat.catalogue import Issue
from att_nat.decision import PROBLEMS_MAX, Verdict, check
from att_nat.document import read
from att_nat.problem import Code, Problem, Severity, dotted

GOOD = """\
llms:
  main: {_type: openai, model: m}
  judge: {_type: openai, model: m}
functions:
  now: {_type: current_datetime}
workflow: {_type: react_agent, llm_name: main, tool_names: [now]}
"""


def judged(text: str, **options: object) -> Verdict:
    return check(read("c.yml", text), catalogue(), **options)  # type: ignore[arg-type]  # options of check


def only(text: str) -> Problem:
    """Return the one problem that `text`, put before a good config or in its place, brings."""
    (problem,) = judged(text).problems
    return problem


def with_workflow(line: str) -> str:
    return GOOD.replace("tool_names: [now]", line)


def with_llm(value: str) -> str:
    return GOOD.replace("main: {_type: openai, model: m}", f"main: {value}")


FRONT_END = "general: {front_end: {_type: fastapi, prot: 1}}\n"


def test_a_good_config_has_no_problems_and_a_graph() -> None:
    verdict = judged(GOOD)
    assert verdict.problems == []
    assert [dotted(one.path) for one in verdict.instances] == ["functions.now", "workflow", "llms.main", "llms.judge"]
    edges = {(dotted(one.source), dotted(one.target), dotted(one.field)) for one in verdict.edges}
    assert edges == {
        ("workflow", "llms.main", "workflow.llm_name"),
        ("workflow", "functions.now", "workflow.tool_names[0]"),
        ("workflow", "llms.judge", "workflow.judge"),
    }


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "column", "says"),
    [
        (GOOD + "llmz: {}\n", Code.SECTION_UNKNOWN, "llmz", 7, 1, "did you mean llms?"),
        (GOOD.replace("openai, model: m}\n  j", "opnai}\n  j"), Code.TYPE_UNKNOWN, "llms.main._type", 2, 17, "openai"),
        (GOOD.replace("_type: current_datetime", "zone: UTC"), Code.TYPE_MISSING, "functions.now", 5, 3, "_type:"),
        (GOOD.replace("current_datetime", "openai"), Code.TYPE_UNKNOWN, "functions.now._type", 5, 16, "under llms"),
        (GOOD.replace("current_datetime", "zzz"), Code.TYPE_UNKNOWN, "functions.now._type", 5, 16, "there are"),
        (GOOD.replace("current_datetime", "twin"), Code.TYPE_AMBIGUOUS, "functions.now._type", 5, 16, "other/twin"),
        (GOOD.replace("current_datetime", "[x]"), Code.TYPE_UNKNOWN, "functions.now._type", 5, 16, "there are"),
        (GOOD + "embedders: {e: {_type: nim}}\n", Code.TYPE_UNKNOWN, "embedders.e._type", 7, 24, "carries no"),
        (GOOD.replace("{_type: current_datetime}", "7"), Code.NOT_A_MAPPING, "functions.now", 5, 8, ""),
        (GOOD.replace(", model: m}\n  j", "}\n  j"), Code.FIELD_MISSING, "llms.main", 2, 3, ""),
        (GOOD.replace("llm_name: main, ", ""), Code.FIELD_MISSING, "workflow", 6, 1, ""),
        (with_workflow("verbose: sure"), Code.VALUE_INVALID, "workflow.verbose", 6, 57, ""),
        (with_workflow("verbos: true"), Code.FIELD_UNKNOWN, "workflow.verbos", 6, 48, "did you mean verbose?"),
        (with_workflow("zzzzz: true"), Code.FIELD_UNKNOWN, "workflow.zzzzz", 6, 48, "its fields are"),
        (with_workflow("tool_names: [nov]"), Code.REFERENCE_UNKNOWN, "workflow.tool_names[0]", 6, 61, "now"),
        (with_workflow("middleware: [x]"), Code.REFERENCE_UNKNOWN, "workflow.middleware[0]", 6, 61, "add it"),
        (GOOD.replace("name: main", "name: zz"), Code.REFERENCE_UNKNOWN, "workflow.llm_name", 6, 42, "there are main"),
        (GOOD + "general: {timeout: x}\n", Code.VALUE_INVALID, "general.timeout", 7, 20, ""),
        (GOOD + "general: {timeouts: 1}\n", Code.FIELD_UNKNOWN, "general.timeouts", 7, 11, "did you mean timeout?"),
        (GOOD + FRONT_END, Code.FIELD_UNKNOWN, "general.front_end.prot", 7, 39, "port"),
        (with_llm("{_type: strict, sice: 1}"), Code.FIELD_UNKNOWN, "llms.main.sice", 2, 25, "size"),
        (with_llm("{_type: openai, model: m, stop: {a: 1}}"), Code.VALUE_INVALID, "llms.main.stop", 2, 41, ""),
        (with_llm("{_type: openai, model: m, stops: 1}"), Code.FIELD_UNKNOWN, "llms.main.stops", 2, 35, "stop"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_field_and_place(
    text: str, code: Code, path: str, line: int, column: int, says: str
) -> None:
    problem = only(text)
    assert (problem.code, problem.path) == (code, path)
    assert (problem.place.line, problem.place.column) == (line, column), problem
    assert says in problem.hint


def test_what_nat_hands_on_and_resembles_no_field_is_no_problem() -> None:
    assert judged(GOOD.replace("model: m}\n  j", "model: m, seed_of_luck: 1}\n  j")).problems == []


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (with_workflow("verbos: true"), Severity.WARNING),
        (GOOD + "general: {timeouts: 1}\n", Severity.ERROR),
        (GOOD.replace("  judge: {_type: openai, model: m}\n", ""), Severity.WARNING),
        (with_workflow("tool_names: [no]"), Severity.ERROR),
    ],
)
def test_what_nat_takes_is_a_warning_and_what_it_refuses_an_error(text: str, severity: Severity) -> None:
    assert only(text).severity is severity


def test_a_section_that_is_no_mapping_is_told() -> None:
    assert [(one.code, one.path) for one in judged("llms:\nworkflow: {_type: twinn}\n").problems] == [
        (Code.NOT_A_MAPPING, "llms"),
        (Code.TYPE_UNKNOWN, "workflow._type"),
    ]


def test_a_config_without_a_workflow_is_warned_of() -> None:
    problem = only("functions: {now: {_type: current_datetime}}")
    assert (problem.code, problem.severity) == (Code.WORKFLOW_MISSING, Severity.WARNING)


def test_a_tool_may_be_a_group_or_a_function_of_a_group() -> None:
    text = with_workflow("tool_names: [remote, remote__search, remote.search, now]")
    verdict = judged(text + "function_groups: {remote: {_type: mcp_client}}\n")
    assert verdict.problems == []
    assert sum(dotted(one.target) == "function_groups.remote" for one in verdict.edges) == 3


CYCLE = """\
llms: {judge: {_type: openai, model: m}}
functions:
  a: {_type: react_agent, llm_name: judge, tool_names: [b]}
  b: {_type: react_agent, llm_name: judge, tool_names: [c, d]}
  c: {_type: react_agent, llm_name: judge, tool_names: [a]}
  d: {_type: current_datetime}
workflow: {_type: react_agent, llm_name: judge, tool_names: [a, b, c]}
"""


def test_components_that_need_each_other_are_told_once() -> None:
    problem = only(CYCLE)
    assert problem.code is Code.REFERENCE_CYCLE
    assert "functions.a → functions.b → functions.c → functions.a" in problem.message
    assert (problem.path, problem.place.line) == ("functions.c.tool_names[0]", 5)


def test_a_component_that_needs_itself_is_told() -> None:
    text = GOOD.replace("{_type: current_datetime}", "{_type: react_agent, llm_name: main, tool_names: [now]}")
    assert only(text).code is Code.REFERENCE_CYCLE


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=30))
def test_a_cycle_is_told_exactly_when_there_is_one(pairs: list[tuple[int, int]]) -> None:
    lines = ["llms: {judge: {_type: openai, model: m}}", "functions:"]
    for number in range(8):
        tools = sorted({f"f{target}" for source, target in pairs if source == number})
        lines.append(f"  f{number}: {{_type: react_agent, llm_name: judge, tool_names: [{', '.join(tools)}]}}")
    problems = judged("\n".join([*lines, "workflow: {_type: current_datetime}"])).problems
    assert any(one.code is Code.REFERENCE_CYCLE for one in problems) is _has_cycle(pairs)


def _has_cycle(pairs: list[tuple[int, int]]) -> bool:
    left = set(range(8))
    while free := {one for one in left if not any(source == one and target in left for source, target in pairs)}:
        left -= free
    return bool(left)


def test_values_that_are_only_known_at_the_start_are_not_judged() -> None:
    text = GOOD.replace("llm_name: main", "llm_name: ${LLM}").replace("model: m", "model: ${M}, temperature: ${T}")
    assert judged(text.replace("[now]", "[now], verbose: '${V}'")).problems == []
    assert judged(with_llm("{_type: openai, model: '${M}', stop: {a: 1}}")).problems
    assert judged("llms: ${ALL}\nworkflow: {_type: ${KIND}}\n").problems[0].code is Code.NOT_A_MAPPING
    assert judged("functions: {a: ${ALL}}\nworkflow: {_type: ${KIND}}\n").problems == []


def test_a_variable_that_the_project_lacks_is_warned_of() -> None:
    text = GOOD.replace("model: m}\n  j", "model: ${MODEL}}\n  j")
    assert judged(text, variables=frozenset({"MODEL"})).problems == []
    (problem,) = judged(text, variables=frozenset()).problems
    assert (problem.code, problem.severity, problem.place.column) == (Code.VARIABLE_UNKNOWN, Severity.WARNING, 32)


def test_refusals_of_nat_are_told_when_nothing_else_was_found() -> None:
    seen = []

    def whole(data: object) -> list[Issue]:
        seen.append(data)
        return [Issue(("workflow", "react_agent", "llm_name"), "strange", "no")]

    known = catalogue(whole)
    (problem,) = check(read("c.yml", GOOD), known).problems
    assert (problem.code, problem.path, problem.place.line) == (Code.REFUSED_BY_NAT, "workflow.llm_name", 6)
    assert check(read("c.yml", with_workflow("verbose: x")), known).problems[0].code is Code.VALUE_INVALID
    assert check(read("c.yml", GOOD.replace("model: m", "model: ${M}")), known).problems == []
    assert len(seen) == 1


def test_refusals_of_nat_do_not_concern_the_projects_own_components() -> None:
    seen: list[object] = []

    def whole(data: object) -> list[Issue]:
        seen.append(data)
        return []

    known = catalogue(whole).with_own([component("function", "mine", Agent, own=True)], ["front_end"])
    text = GOOD.replace("{_type: react_agent", "{_type: mine").replace(
        "functions:", "functions:\n  b: {_type: mine, llm_name: main}"
    )
    assert check(read("c.yml", text), known).problems == []
    (data,) = seen
    assert isinstance(data, dict)
    assert set(data) == {"llms", "functions"}
    assert set(data["functions"]) == {"now"}


def test_an_unknown_type_is_a_warning_when_names_of_the_project_are_only_known_at_run_time() -> None:
    known = catalogue().with_own([], ["function"])
    (problem,) = check(read("c.yml", GOOD.replace("current_datetime", "zz")), known).problems
    assert (problem.code, problem.severity) == (Code.TYPE_UNKNOWN, Severity.WARNING)


def test_a_document_that_cannot_be_read_has_its_own_problem_alone() -> None:
    assert [one.code for one in judged("a: [").problems] == [Code.YAML_INVALID]


def test_problems_are_in_the_order_of_the_text_and_bounded() -> None:
    problems = judged(
        "".join(f"z{number}: 1\n" for number in range(300)) + "workflow: {_type: current_datetime}"
    ).problems
    assert len(problems) == PROBLEMS_MAX
    assert [one.place.line for one in problems] == list(range(1, PROBLEMS_MAX + 1))


VALUES = st.recursive(
    st.sampled_from(["main", "now", "openai", "react_agent", "mcp_client", "${A}", "${B:-x}", "~", "1", "true", "''"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(["_type", "type", "llm_name", "tool_names", "model", "stop", "a", "1", "middleware"]),
            inner,
            max_size=4,
        ).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"),
    ),
)
SECTIONS = st.sampled_from(
    ["llms", "functions", "function_groups", "workflow", "general", "eval", "middleware", "base", "q"]
)


@given(st.lists(st.tuples(SECTIONS, VALUES), max_size=5))
def test_any_config_is_judged_and_every_problem_stands_in_its_text(parts: list[tuple[str, str]]) -> None:
    text = "".join(f"{section}: {value}\n" for section, value in parts)
    verdict = judged(text, variables=frozenset())
    lines = text.splitlines() or [""]
    for problem in verdict.problems:
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        assert problem.message
