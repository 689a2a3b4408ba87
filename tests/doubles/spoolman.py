"""As much of Spoolman's REST API v1 as a node uses, as a real HTTP server on loopback.

What is answered follows Spoolman's source; docs/decisions/0030-spoolman.md names file and commit of each
rule. It is no test of Spoolman, and knows none of its pages.
"""

import http.server
import json
import re
import threading

_ONE = re.compile(r"/api/v1/spool/(\d+)(/use)?")


class Spoolman:
    """Listens from the start. `spools` holds what is stored, by number.

    `before` and `after` are called with the method and the path, before and after something is
    stored; they may block, or raise to cut the connection.
    """

    def __init__(self, port=0):
        self.spools = {}
        self.patches = []
        self.key = ""  # where set: who does not show it is refused
        self.keeps = True  # False: what is patched is answered well, and not stored
        self.before = self.after = lambda *_: None
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _do(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else {}
                outer.before(self.command, self.path)
                with outer._lock:
                    if outer.key and self.headers.get("X-API-Key") != outer.key:
                        status, answer = 401, {"message": "Authentication required."}
                    else:
                        status, answer = outer._answer(self.command, self.path, body)
                outer.after(self.command, self.path)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                self._do()

            def do_PATCH(self):
                self._do()

            def do_PUT(self):
                self._do()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # whoever was cut off has gone

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._thread.start()

    def add(self, number, *, material="PETG", used=0.0, initial=1000.0, weight=1000.0, lot="B7"):
        self.spools[number] = {
            "id": number,
            "registered": "2026-01-01T00:00:00Z",
            "filament": {
                "id": 1,
                "registered": "2026-01-01T00:00:00Z",
                "name": "Orange",
                "vendor": {"id": 1, "registered": "2026-01-01T00:00:00Z", "name": "Prusament",
                           "extra": {}},
                "material": material,
                "density": 1.27,
                "diameter": 1.75,
                "weight": weight,
                "extra": {},
            },
            "initial_weight": initial,
            "used_weight": used,
            "lot_nr": lot,
            "archived": False,
            "extra": {},
        }  # fmt: skip

    def _answer(self, method, path, body):
        found = _ONE.fullmatch(path)
        if found is None:
            return 404, {"detail": "Not Found"}
        spool = self.spools.get(int(found[1]))
        if spool is None:
            return 404, {"message": f"No spool with ID {found[1]} found."}
        if method == "PUT" and found[2]:
            spool["used_weight"] = max(0.0, spool["used_weight"] + body["use_weight"])
        elif method == "PATCH":
            for name in ("used_weight", "remaining_weight", "initial_weight"):
                if body.get(name) is not None and body[name] < 0:
                    return 422, {"detail": [{"type": "greater_than_equal", "loc": ["body", name]}]}
            if body.get("remaining_weight") is not None and body.get("used_weight") is not None:
                why = "Only specify either remaining_weight or used_weight."
                return 400, {"message": why}
            self.patches.append(body)
            if self.keeps:
                spool.update(body)
        return 200, _told(spool)

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _told(spool):
    """As `Spool.from_db`: what is left is never below 0, and not told where no full weight is known."""
    full = spool["initial_weight"]
    if full is None:
        full = spool["filament"]["weight"]
    left = {} if full is None else {"remaining_weight": max(full - spool["used_weight"], 0)}
    return _without_none(spool | left)


def _without_none(value):
    if not isinstance(value, dict):
        return value
    return {key: _without_none(each) for key, each in value.items() if each is not None}
