"""Token buckets: a burst of a minute, even refill, bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from api.http.rate_limit import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_tokens_then_the_time_until_the_next() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock=clock)
    assert [limiter.take("key") for _ in range(60)] == [0] * 60
    assert limiter.take("key") == 1
    assert limiter.take("another key") == 0
    clock.now = 1.0
    assert limiter.take("key") == 0
    assert limiter.take("key") == 1


def test_slow_limits_say_how_long_to_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(2, clock=clock)
    assert [limiter.take("key") for _ in range(3)] == [0, 0, 30]
    clock.now = 29.0
    assert limiter.peek("key") == 1
    clock.now = 30.0
    assert limiter.peek("key") == 0
    assert limiter.peek("key") == 0
    assert limiter.take("key") == 0


def test_the_longest_unused_bucket_is_forgotten_first() -> None:
    limiter = RateLimiter(1, clock=Clock(), capacity=2)
    assert limiter.take("a") == 0
    assert limiter.take("b") == 0
    assert limiter.take("a") > 0
    assert limiter.take("c") == 0  # forgets b
    assert limiter.take("a") > 0
    assert limiter.take("b") == 0


@given(st.integers(1, 600), st.lists(st.floats(0, 20), max_size=60))
def test_never_more_than_burst_and_refill(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute, clock=clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += limiter.take("key") == 0
    assert taken <= per_minute + clock.now * per_minute / 60 + 1e-6
