from hypothesis import given
from hypothesis import strategies as st

from att.identity.limiter import Limiter


def test_ten_tries_a_minute_and_the_eleventh_waits() -> None:
    limiter = Limiter(per_key=10, total=100)
    assert [limiter.take("a", float(at)) for at in range(10)] == [0] * 10
    assert limiter.take("a", 10.0) == 50
    assert limiter.take("b", 10.0) == 0
    assert limiter.take("a", 59.5) == 1
    assert limiter.take("a", 60.0) == 0


def test_all_together_are_limited_too() -> None:
    limiter = Limiter(per_key=10, total=10)
    assert [limiter.take(str(at), 0.0) for at in range(10)] == [0] * 10
    assert limiter.take("new", 1.0) == 59


def test_a_good_try_is_taken_back() -> None:
    limiter = Limiter(per_key=1, total=1)
    assert limiter.take("a", 0.0) == 0
    limiter.refund("a", 0.0)
    limiter.refund("a", 0.0)
    limiter.refund("unknown", 0.0)
    assert limiter.take("a", 0.0) == 0
    assert limiter.take("a", 0.0) == 60


def test_memory_is_bounded_and_the_least_recent_key_goes() -> None:
    limiter = Limiter(per_key=1, total=1_000, keys_max=2)
    for key in "abc":
        assert limiter.take(key, 0.0) == 0
    assert limiter.take("c", 0.0) > 0
    assert limiter.take("a", 0.0) == 0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(min_value=0, max_value=30)), max_size=80),
    st.integers(min_value=1, max_value=5),
    st.integers(min_value=1, max_value=8),
)
def test_in_no_window_are_more_tries_than_the_limits(gaps: list[tuple[str, float]], per_key: int, total: int) -> None:
    limiter = Limiter(per_key=per_key, total=total)
    now, passed = 0.0, list[tuple[str, float]]()
    for key, gap in gaps:
        now += gap
        wait = limiter.take(key, now)
        if wait == 0:
            passed.append((key, now))
        else:
            assert 1 <= wait <= 60
        window = [found for found in passed if found[1] > now - 60.0]
        assert len(window) <= total
        assert all(sum(name == key for name, _ in window) <= per_key for key in "abc")
