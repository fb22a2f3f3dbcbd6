from hypothesis import given
from hypothesis import strategies as st
from tests.unit.nat.models import BASES

from att_nat.catalogue import Component
from att_nat.problem import Code, Place
from att_nat.source import Own, read_sources

HEAD = "from nat.plugin_api import FunctionBaseConfig, LLMRef as L\nimport nat.data_models.llm as llm\n"


def own(*texts: str) -> Own:
    return read_sources({f"src/app/m{number}.py": HEAD + text for number, text in enumerate(texts)}, BASES, "app")


def one(text: str) -> Component:
    found = own(text)
    assert found.problems == []
    (component,) = found.components
    return component


def test_a_component_is_read_from_the_text_of_its_class() -> None:
    found = one(
        'class EchoConfig(FunctionBaseConfig, name="echo"):\n    """Says it again."""\n'
        '    prefix: str = "Echo:"\n    count: int = Field(default=2, description="how often", ge=1)\n'
        "    model: L\n    other: 'list[int] | None' = None\n    _hidden: int = 3\n    shared: ClassVar[int] = 4\n"
    )
    assert (found.kind, found.name, found.full_name) == ("function", "echo", "src.app/echo".removeprefix("src."))
    assert (found.description, found.package, found.own) == ("Says it again.", "app", True)
    fields = found.schema["properties"]
    assert set(fields) == {"type", "middleware", "prefix", "count", "model", "other"}
    assert (fields["prefix"]["type"], fields["prefix"]["default"]) == ("string", "Echo:")
    assert (fields["count"]["default"], fields["count"]["description"]) == (2, "how often")
    assert found.schema["required"] == ["model"]
    assert [issue.location for issue in found.issues({"prefix": 3, "other": ["x"]})] == [
        ("prefix",),
        ("model",),
        ("other", 0),
    ]


def test_annotations_that_cannot_be_told_take_anything() -> None:
    found = one(
        'class A(FunctionBaseConfig, name="a"):\n    a: Path\n    b: dict[str, int]\n    c: Literal["x", 1]\n'
        "    d: Optional[float] = make()\n    e: Union[int, str]\n    f: Annotated[int, 3]\n"
        "    g: Callable[[int], str]\n    h: Literal[X]\n    i: list\n    j: list[Path]\n    k: 3\n    m: None = None\n"
        "    n: tuple[int, ...]\n"
        "    o: int = Field(3)\n    p: int = Field(...)\n    q: list[int] = Field(default_factory=list)\n"
        '    r: int = Field(alias="arr", default=1)\n'
    )
    good = {
        "a": 1,
        "b": {"k": 1},
        "c": "x",
        "e": 1,
        "f": 1,
        "g": 1,
        "h": 1,
        "i": [],
        "j": [1],
        "k": 1,
        "n": [1, 2],
        "p": 1,
    }
    assert found.issues(good) == []
    places = {
        issue.location[0] for issue in found.issues({**good, "b": 1, "c": 2, "f": "x", "i": 3, "n": ["x"], "arr": "x"})
    }
    assert places == {"b", "c", "f", "i", "n", "arr"}
    assert {"p", "a"} <= set(found.schema["required"])
    assert {"q", "o", "d"}.isdisjoint(found.schema["required"])


def test_a_class_may_derive_from_own_classes_of_other_files_and_from_known_components() -> None:
    found = own(
        'class Child(Base, name="child"):\n    more: int\n',
        "class Base(FunctionBaseConfig):\n    size: int = 1\n",
        'class Mine(Agent, name="mine"):\n    extra: int = 1\n',
        "class Model(llm.LLMBaseConfig[int], name='model'):\n    pass\n",
    )
    assert found.problems == []
    by_name = {component.name: component for component in found.components}
    assert set(by_name) == {"child", "mine", "model"}
    assert set(by_name["child"].schema["properties"]) == {"type", "middleware", "size", "more"}
    assert "llm_name" in by_name["mine"].schema["properties"]
    assert by_name["model"].kind == "llm_provider"


def test_what_is_no_component_is_left_alone() -> None:
    found = own("class A(B): pass\nclass B(A, name='b'): pass\nclass C(x.y()): pass\nclass D: pass\n")
    assert (found.components, found.problems, found.unclear) == ([], [], set())


def test_a_name_made_at_run_time_is_a_warning_at_its_class() -> None:
    found = own("NAME = 'x'\nclass A(FunctionBaseConfig, name=NAME): pass\n")
    (problem,) = found.problems
    assert (problem.code, problem.place) == (Code.SOURCE_UNCLEAR, Place("src/app/m0.py", 4, 1))
    assert found.unclear == {"function"}


def test_fields_that_no_model_can_have_make_a_component_that_takes_anything() -> None:
    found = own('class A(FunctionBaseConfig, name="a"):\n    model_fields: int\n    dict: [\n1]\n', "x = 1")
    (component,) = found.components
    assert component.issues({"anything": 1}) == []


def test_too_many_fields_make_a_component_that_takes_anything() -> None:
    fields = "".join(f"    f{number}: int\n" for number in range(300))
    found = own(f'class A(FunctionBaseConfig, name="a"):\n{fields}')
    assert [problem.code for problem in found.problems] == [Code.SOURCE_UNCLEAR]
    assert found.components[0].issues({}) == []


def test_a_file_that_is_no_python_is_told_where() -> None:
    found = own("def f(:\n")
    (problem,) = found.problems
    assert (problem.code, problem.place.file, problem.place.line) == (Code.SOURCE_INVALID, "src/app/m0.py", 3)
    (problem,) = own("x = '\0'").problems
    assert problem.code is Code.SOURCE_INVALID
    (problem,) = own("x = " + "(" * 5000).problems
    assert problem.code is Code.SOURCE_INVALID


_BITS = """class A(FunctionBaseConfig, name='a'):|class B(A):|    x: int|    y: list[L] = []|    z: '(' = 1
    a: int | 3 = Field(default=...)|    b: X[Y] = Field(alias=3)|    pass||    self: None | None
    model_config: int = 3
    class C(FunctionBaseConfig, name=f'{1}'): pass|    n: Literal[[1]]""".replace("\n", "|")


@given(st.lists(st.sampled_from(_BITS.split("|"))).map("\n".join))
def test_any_source_is_read_or_told(text: str) -> None:
    found = own(text)
    for component in found.components:
        assert component.schema["type"] == "object"
        component.issues({"x": object()})
    for problem in found.problems:
        assert 1 <= problem.place.line <= text.count("\n") + 4
