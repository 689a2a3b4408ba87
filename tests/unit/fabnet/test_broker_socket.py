"""The buffered socket over a real pair of sockets."""

import socket
import threading
import time

import pytest

from fabnet.broker_socket import BufferedSocket


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    buffered = BufferedSocket(ours)
    buffered.setblocking(False)
    yield buffered, ours, theirs
    buffered.close()
    theirs.close()


def test_what_is_there_is_read_at_once_and_given_in_pieces(ends):
    buffered, ours, theirs = ends
    theirs.sendall(b"one packet and another")
    assert buffered.wait(5.0, writes=False)
    assert buffered.recv(3) == b"one"
    with pytest.raises(BlockingIOError):
        ours.recv(1)
    assert buffered.pending() == 19
    # Nothing more comes, and yet there is something to read.
    assert buffered.wait(5.0, writes=False)
    assert buffered.recv(7) + buffered.recv(100) == b" packet and another"
    assert buffered.pending() == 0
    assert not buffered.wait(0.0, writes=False)
    with pytest.raises(BlockingIOError):
        buffered.recv(1)
    with pytest.raises(BlockingIOError):
        buffered.recv(1)
    theirs.close()
    assert buffered.recv(1) == b""


def test_what_is_sent_leaves_with_flush_and_with_close(ends):
    buffered, _, theirs = ends
    theirs.setblocking(False)
    assert [buffered.send(b"ack") for _ in range(3)] == [3, 3, 3]
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    buffered.flush()
    assert theirs.recv(100) == b"ackackack"
    buffered.send(bytearray(b"good bye"))
    buffered.close()
    assert theirs.recv(100) == b"good bye"
    assert theirs.recv(100) == b""
    assert buffered.fileno() == -1


def test_who_does_not_read_is_sent_no_more_than_fits_and_loses_nothing(ends):
    buffered, _, theirs = ends
    pieces, sent = iter([b"%04d" % n * 1000 for n in range(1000)]), bytearray()

    def send_all():
        for piece in pieces:
            buffered.send(piece)
            sent.extend(piece)

    with pytest.raises(BlockingIOError):
        send_all()
    assert len(sent) < 2 << 20
    got = bytearray()
    while len(got) < len(sent):
        got += theirs.recv(1 << 16)
        # It waits for room by itself as long as something is left over.
        buffered.wait(0.02, writes=False)
        buffered.flush()
    assert got == sent


def test_a_lost_connection_is_raised(ends):
    buffered, _, theirs = ends
    theirs.close()
    buffered.send(b"into nothing")
    with pytest.raises(OSError, match="pipe"):
        buffered.flush()


def test_another_thread_ends_a_wait_this_one_or_the_next(ends):
    buffered, _, _ = ends
    began = time.monotonic()
    buffered.wake()
    buffered.wake()
    assert not buffered.wait(20.0, writes=False)
    threading.Timer(0.1, buffered.wake).start()
    assert not buffered.wait(20.0, writes=False)
    assert time.monotonic() - began < 15.0
    # Both were heard: the next one waits.
    assert not buffered.wait(0.05, writes=False)
    buffered.close()
    buffered.wake()
