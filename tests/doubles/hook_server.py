"""A real HTTP server on loopback that keeps what is posted to it, and answers as a test wants."""

from __future__ import annotations

import http.server
import ssl
import threading


class HookServer:
    """Listens from the start; `answer` is a status, or a function of the handler that writes all."""

    def __init__(self, tls=None):
        self.posts = []  # (path, headers, text)
        self.connections = 0
        self.answer = 200
        self.location = ""
        self._arrived = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["Content-Length"])
                text = self.rfile.read(size).decode()
                with outer._arrived:
                    outer.posts.append((self.path, dict(self.headers), text))
                    outer._arrived.notify_all()
                if callable(outer.answer):
                    outer.answer(self)
                    return
                self.send_response(outer.answer)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                outer.connections += 1
                return super().get_request()

            def handle_error(self, *_):
                pass  # whoever was cut off has gone

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/awa"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, count=1, seconds=100):
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.posts) >= count, seconds)
        return self.posts
