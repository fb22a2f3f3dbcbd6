"""What timedatectl says of the clock, as systemd 257 prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.clock.decision import Sync, servers_of, span, sync_of, warnings

STATUS = """\
       Server: 192.0.2.1 (ntp.example.org)
Poll interval: 1min 4s (min: 32s; max 34min 8s)
         Leap: normal
      Version: 4
      Stratum: 2
    Reference: C0000201
    Precision: 1us (-25)
Root distance: 1.205ms (max: 5s)
       Offset: -1.732ms
        Delay: 9.105ms
       Jitter: 340us
 Packet count: 3
    Frequency: +12.345ppm
"""
GOOD = Sync("ntp.example.org", "192.0.2.1", 2, -0.001732, 0.00034, 64.0)


def test_server_offset_and_interval_are_read() -> None:
    assert sync_of(STATUS) == GOOD


def test_a_server_without_a_name_is_its_address() -> None:
    assert sync_of("       Server: 2001:db8::1\n").server == "2001:db8::1"


@pytest.mark.parametrize("text", ["", "       Server: n/a\n", "       Server: (null)\nStratum: many\n", "Server:\n"])
def test_nothing_known_is_nothing(text: str) -> None:
    found = sync_of(text)
    assert found.stratum is None
    assert found.offset is None


def test_a_service_without_any_server_has_none() -> None:
    assert sync_of("       Server: n/a (n/a)\n") == Sync()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("+340us", 0.00034), ("-1min 2.5s", -62.5), ("2h 1min", 7260.0), ("1w 2d", 777600.0), ("1d", 86400.0)],
)
def test_a_span_is_its_seconds(text: str, seconds: float) -> None:
    assert span(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "n/a", "5", "5 parsecs", "1min of 2s", "--1s"])
def test_what_is_no_span_is_none(text: str) -> None:
    assert span(text) is None


@given(st.text(max_size=60))
def test_no_text_makes_the_reading_fail(text: str) -> None:
    sync_of(text)
    sync_of(f"Server: {text}\nOffset: {text}\nStratum: {text}\nPoll interval: {text}")
    servers_of(text)


def test_the_operators_servers_come_first() -> None:
    text = "LinkNTPServers=10.0.0.1\nSystemNTPServers=a.example.org b.example.org\nFallbackNTPServers=c\n"
    assert servers_of(text) == ("a.example.org", "b.example.org")
    assert servers_of("LinkNTPServers=10.0.0.1\nSystemNTPServers=\nFallbackNTPServers=c\n") == ("10.0.0.1",)
    assert servers_of("SystemNTPServers=\n") == ()


def test_a_clock_that_the_network_holds_is_no_worry() -> None:
    assert warnings(GOOD, active=True, since_sync=30.0, jump=0.2) == []
    assert warnings(GOOD, active=True, since_sync=30.0, jump=None) == []


def test_each_trouble_is_told_once() -> None:
    def told(sync: Sync = GOOD, *, active: bool = True, since: float | None = 30.0, jump: float = 0.0) -> str:
        (line,) = warnings(sync, active=active, since_sync=since, jump=jump)
        return line

    assert "does not run" in told(active=False, since=None)
    assert "ntp.example.org does not answer" in told(since=None)
    assert "no time server is known" in told(Sync(), since=None)
    assert "50 hours ago" in told(since=180_000.0)
    assert "+3.5 s off" in told(Sync(offset=3.5))
    assert "-7200 s since boot" in told(jump=-7200.0)
