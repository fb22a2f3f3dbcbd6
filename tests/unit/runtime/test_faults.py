from hypothesis import given
from hypothesis import strategies as st

from att.runtime.faults import LINES_SHOWN, TRACEBACK_CHARS_MAX, fault_of, fault_of_end, last_traceback, plugin_fault
from att.workspace.schema import Ending

FIRST = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'a'\n"
SECOND = 'Traceback (most recent call last):\n  File "b.py", line 2, in h\n    i()\nValueError: bad\n'
CHAIN = FIRST + "\nThe above exception was the direct cause of the following exception:\n\n" + SECOND


def test_the_error_of_the_last_traceback_is_the_fault() -> None:
    fault = fault_of("INFO starting\n" + FIRST + "INFO going on\n" + SECOND + "INFO bye\n", otherwise="it ended")
    assert (fault.message, fault.traceback) == ("ValueError: bad", SECOND.rstrip())


def test_a_chain_of_tracebacks_is_told_whole() -> None:
    assert last_traceback("before\n" + CHAIN + "after\n") == CHAIN.rstrip()


def test_a_log_without_a_traceback_is_told_by_its_last_lines() -> None:
    fault = fault_of("\n".join(f"line {n}" for n in range(100)) + "\n\n", otherwise="it ended with 3")
    assert fault.message == "it ended with 3"
    assert fault.traceback.splitlines() == [f"line {n}" for n in range(100 - LINES_SHOWN, 100)]


def test_an_app_that_took_too_much_memory_is_told_so_and_not_by_an_older_traceback() -> None:
    log = FIRST + "INFO going on\natt-run: ended for want of memory: it took all 64 MiB of its limit\n"
    fault = fault_of_end(log, Ending.OUT_OF_MEMORY, otherwise="it ended")
    assert fault.message == "the app was ended for want of memory"
    assert fault.traceback.endswith("64 MiB of its limit")
    assert fault_of_end(log, Ending.KILLED, otherwise="it ended").message == "KeyError: 'a'"


def test_a_plugin_that_could_not_be_imported_is_told_with_its_traceback() -> None:
    fault = plugin_fault("\x1b[31mERROR\x1b[0m Failed to import plugin 'app': no\n" + FIRST)
    assert fault is not None
    assert (fault.message, fault.traceback) == ("Failed to import plugin 'app': no", FIRST.rstrip())
    assert plugin_fault("all is well") is None


@given(st.lists(st.sampled_from([FIRST, SECOND, CHAIN, "x" * 9000, "\n", "Failed to import plugin\n"]), max_size=40))
def test_a_fault_is_bounded_whatever_the_log_says(parts: list[str]) -> None:
    fault = fault_of("".join(parts), otherwise="it ended")
    assert len(fault.message) <= 500
    assert len(fault.traceback) <= TRACEBACK_CHARS_MAX + 2


@given(st.text(max_size=300))
def test_any_log_can_be_read(log: str) -> None:
    assert fault_of(log, otherwise="it ended").message
