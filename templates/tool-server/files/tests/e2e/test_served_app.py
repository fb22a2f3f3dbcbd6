"""The app as it is served, with a model."""

import httpx


def test_the_app_is_healthy(app: httpx.Client) -> None:
    assert app.get("/health").json() == {"status": "healthy"}


def test_a_tool_answers_at_its_own_address(app: httpx.Client) -> None:
    answer = app.post("/tools/convert", json={"value": 5, "source": "km", "target": "m"})
    assert answer.status_code == 200, answer.text
    assert "5 km = 5000 m" in answer.text


def test_a_call_without_its_arguments_is_refused(app: httpx.Client) -> None:
    assert app.post("/tools/convert", json={"value": 5}).status_code == 422


def test_the_agent_calls_a_tool_to_answer(app: httpx.Client) -> None:
    answer = app.post("/v1/workflow", json={"input_message": 'Count the words of "one two three"'})
    assert answer.status_code == 200, answer.text
    assert "3 words" in answer.json()["value"]
