"""Who is below a process, looked for while they make others and die."""

import subprocess
import sys
from textwrap import dedent

PROGRAM = dedent("""
    import os, signal
    from att.workspace.shim import descendants

    descendants.adopt_orphans()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    parent = os.fork()
    if parent == 0:
        signal.sigwait({signal.SIGUSR1})
        if os.fork() == 0:
            signal.alarm(20)
            signal.pause()
        os._exit(0)
    read, overtaken = descendants._fields, []

    def reading(entry):
        found = read(entry)
        if entry == str(parent) and not overtaken:
            overtaken.append(entry)
            os.kill(parent, signal.SIGUSR1)
            os.waitid(os.P_PID, parent, os.WEXITED | os.WNOWAIT)
        return found

    descendants._fields = reading
    found = descendants.left_below(os.getpid())
    descendants.send(signal.SIGKILL, found)
    print(len(overtaken), len(found))
""")


def test_who_was_forked_by_one_that_died_while_it_was_looked_for_is_found() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "1 1\n"
