"""An order of a transfer travels whole, and what is none is refused without a word of it."""

import pytest

from att.workspace.transfer import Order, order_of


def test_an_order_arrives_as_it_was_sent() -> None:
    order = Order("fetch", "https://git.test/a.git", ("+a:b",), ("c" * 40,), "ann", "s3cret")
    assert order_of(order.dumped()) == order


@pytest.mark.parametrize("text", ["", "{", "[]", '{"verb": "fetch"}', '{"s3cret": 1}'])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        order_of(text)
    assert "s3cret" not in str(refused.value)
