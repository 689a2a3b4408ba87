"""`fabnet` whose streams have a thread each, for `bench_live`: what the one selector is measured against."""

from __future__ import annotations

import socket
from functools import partial

from cheroot import wsgi

from fabnet import service
from fabnet.cli import main
from web import serving


class _Line:
    """Stands for a connection at the streams; a thread of cheroot carries on what is written to it."""

    def __init__(self, sock):
        self.socket = sock

    def close(self):
        self.socket.close()


class _Threaded(serving._Gateway):
    def respond(self):
        wsgi.Gateway_10.respond(self)
        taker = self.req.conn.__dict__.pop("taker", None)
        if taker is None:
            return
        near, far = socket.socketpair()
        with far:
            taker(_Line(near), False)
            while data := far.recv(1 << 20):
                self.req.write(data)


THREADS = 216

if __name__ == "__main__":
    serving._Gateway = _Threaded
    service.make_server = partial(service.make_server, threads=THREADS)
    main()
