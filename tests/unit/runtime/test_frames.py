import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from att.runtime.frames import LINE_BYTES_MAX, Frame, FrameKind, Frames, frame_of, problem_of, text_of

STREAM = b"""intermediate_data: {"id":"a","parent_id":"root","type":"LLM_START","name":"m","payload":"{}"}

data: {"value": "Good "}

data: {"value": "day"}

: a comment

observability_trace: {"observability_trace_id":"t"}

data: [DONE]

"""


def _read(chunks: list[bytes]) -> list[Frame]:
    frames = Frames()
    return [*(frame for chunk in chunks for frame in frames.feed(chunk)), *frames.close()]


def test_the_pieces_of_the_answer_are_put_together() -> None:
    frames = _read([STREAM])
    assert "".join(text_of(frame) for frame in frames) == "Good day"
    assert [frame.kind for frame in frames] == [FrameKind.STEP, FrameKind.DATA, FrameKind.DATA, FrameKind.OTHER]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_frames_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert _read([STREAM[a:b] for a, b in itertools.pairwise(edges)]) == _read([STREAM])


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_whatever_an_app_says_is_read_without_a_fault(chunks: list[bytes]) -> None:
    for frame in _read(chunks):
        json.dumps(frame.value)
        assert isinstance(text_of(frame) + problem_of(frame), str)


@given(st.text(max_size=50))
def test_any_piece_of_text_comes_back_as_it_was(text: str) -> None:
    frame = frame_of(b"data: " + json.dumps({"value": text}).encode())
    assert frame is not None
    assert text_of(frame) == text


def test_an_error_is_a_bare_object_at_the_end() -> None:
    frames = _read([b'data: {"value":"a"}\n\n{"code":1,"message":"no model","details":"ConnectError"}'])
    assert frames[-1].kind is FrameKind.ERROR
    assert problem_of(frames[-1]) == "ConnectError: no model"


def test_a_value_that_is_no_text_is_shown_as_json() -> None:
    assert text_of(Frame(FrameKind.DATA, {"value": {"a": [1]}})) == '{"a": [1]}'
    assert text_of(Frame(FrameKind.DATA, 7)) == "7"


def test_a_line_beyond_the_limit_is_dropped_and_told_once() -> None:
    half = b"x" * (LINE_BYTES_MAX // 2 + 1)
    frames = _read([b"data: " + half, half, half, half, b'\ndata: {"value":"on"}\n'])
    assert [frame.kind for frame in frames] == [FrameKind.OTHER, FrameKind.DATA]
    assert "dropped" in frames[0].value
