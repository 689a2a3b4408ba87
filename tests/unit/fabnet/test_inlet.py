"""Events wait for the owner of a link: all come, in order, and no signal keeps it waiting."""

import queue
import subprocess
import sys
import threading
import time

import pytest

from fabnet.inlet import Connected, Inlet

#: A signal whose handler ends after the wait is over: the wait ends all the same.
_SIGNALLED = """
import queue, signal, time
from fabnet.inlet import Inlet
signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.3))
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    Inlet().get(timeout=0.2)
except queue.Empty:
    print("nothing came")
"""


def test_a_signal_at_the_end_of_a_wait_does_not_keep_it_waiting():
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "nothing came\n"


def test_all_that_is_put_by_another_thread_comes_in_its_order():
    inlet, count = Inlet(), 5000

    def put():
        for number in range(count):
            inlet.offer(Connected(conn=str(number)))
            if number % 7 == 0:
                time.sleep(0)  # lets the other one come to wait

    thread = threading.Thread(target=put)
    thread.start()
    # Nothing is waited for longer than until it is put.
    found = [inlet.get(timeout=20).conn for _ in range(count)]
    thread.join()
    assert found == [str(number) for number in range(count)]
    with pytest.raises(queue.Empty):
        inlet.get(timeout=0.01)


def test_who_waits_is_told_at_once():
    inlet, came = Inlet(), []
    thread = threading.Thread(target=lambda: came.append(inlet.get(timeout=20)))
    thread.start()
    while not inlet._waits:
        time.sleep(0)
    began = time.monotonic()
    inlet.offer(Connected(conn="new"))
    thread.join()
    assert came == [Connected(conn="new")]
    assert time.monotonic() - began < 10
