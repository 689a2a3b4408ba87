"""Prints at an OctoPrint: their files, what is waited for, and a bench that follows one."""

import http.server
import threading
import time
from contextlib import contextmanager

import pytest

from fabnet.node.bench import Bench
from printers.connect import connect
from printers.model import PrinterState
from tests.doubles.rig import WAIT_S

NAMES = (f"fabnet-{n:010d}-a1" for n in range(1000))


def a_file(folder, lines):
    path = folder / f"plate-{lines}.gcode"
    path.write_text("\n".join(["G28", "M83", *moves(lines)]))
    return path


def moves(lines):
    return [f"G1 X{i % 200}.{i % 10} Y{i % 190} E0.012" for i in range(lines)]


def moving(status):
    return status.state is PrinterState.PRINTING and (status.fraction_done or 0) > 0


def words(octo, name):
    """What the virtual printer's own record says of an attempt."""
    return [event.event for event in octo.events() if event.name == name]


@contextmanager
def serving(answer):
    """A web server that answers as a function says: (status, headers, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.do_GET()

        def do_DELETE(self):
            self.do_GET()

        def do_GET(self):
            status, headers, body = answer(self)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Watched:
    """A bench with its own thread, and what it told."""

    def __init__(self, connection):
        self.told = []
        self.bench = Bench("p1", lambda: connect(connection), self.told.append)
        self.bench.start()

    def wait_for(self, kind, seconds=WAIT_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [event for event in self.told if isinstance(event, kind)]
            if found:
                return found[0]
            time.sleep(0.05)
        return pytest.fail(f"no {kind.__name__}; only {self.told}")

    def wait_until_it_moves(self):
        end = time.monotonic() + WAIT_S
        while not (self.bench.status.fraction_done or 0) > 0:
            assert time.monotonic() < end
            time.sleep(0.05)

    def stop(self):
        self.bench.stop()


@contextmanager
def watched(octo):
    made = Watched(octo.connection)
    yield made
    made.stop()
