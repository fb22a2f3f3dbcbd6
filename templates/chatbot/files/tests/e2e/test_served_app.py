"""The app as it is served, with a model."""

import json

import httpx


def test_the_app_is_healthy(app: httpx.Client) -> None:
    assert app.get("/health").json() == {"status": "healthy"}


def test_a_question_is_answered_with_the_help_of_the_calculator(app: httpx.Client) -> None:
    answer = app.post("/v1/workflow", json={"input_message": "What is 6 * 7?"})
    assert answer.status_code == 200, answer.text
    assert "42" in answer.json()["value"]


def test_an_answer_comes_as_a_stream_of_its_words(app: httpx.Client) -> None:
    with app.stream("POST", "/v1/workflow/stream", json={"input_message": "What is 12 + 30?"}) as answer:
        pieces = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: {")]
    assert "42" in "".join(piece["value"] for piece in pieces)


def test_a_request_without_a_message_is_refused(app: httpx.Client) -> None:
    assert app.post("/v1/workflow", json={"wrong": 1}).status_code == 422
