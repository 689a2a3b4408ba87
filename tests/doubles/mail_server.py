"""A real SMTP server on loopback that keeps what it takes, and refuses what a test wants refused."""

from __future__ import annotations

import email
import email.policy
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from fabnet.broker import free_port

USER, PASSWORD = "fabnet", "a mail password"


class MailServer:
    """Listens from `start` to `stop`.

    Args:
        port: 0 takes a free one.
        tls: certificate and key, with which it offers STARTTLS; with `implicit` it speaks TLS at once.
        login: it takes letters only from who knows user and password.
    """

    def __init__(self, *, port=0, tls=None, implicit=False, login=False):
        self.letters = []  # (recipient, bytes)
        self.refusals = {}  # recipient -> answer to RCPT
        self.sender_refused = ""
        self.cut = (
            set()
        )  # recipients whose letter is kept, and the connection cut in place of an answer
        self.sent = []  # recipients of all letters that were sent to the end, answered or not
        self.on_data = None  # called with the bytes, before the answer; may return another answer
        self._arrived = threading.Condition()
        self._runs = False
        context = None
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls.certificate, tls.key)
        options = {"timeout": 120, "ident": "test", "ready_timeout": 60}
        if login:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": not implicit and tls is not None,
            }
        if implicit:
            options["ssl_context"] = context
        elif context is not None:
            options |= {"tls_context": context, "require_starttls": True}
        self.port = port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def _authenticate(self, _server, _session, _envelope, _mechanism, said):
        known = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=said == known, handled=False)

    def start(self):
        self._controller.start()
        self._runs = True
        return self

    def stop(self):
        if self._runs:
            self._runs = False
            self._controller.stop()

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802
        if self.sender_refused:
            return self.sender_refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        self.sent += envelope.rcpt_tos
        if self.cut & {*envelope.rcpt_tos}:
            server.transport.abort()
            return "250 OK"
        answer = self.on_data(envelope.content) if self.on_data is not None else None
        if answer is not None:
            return answer
        with self._arrived:
            self.letters += [(to, envelope.content) for to in envelope.rcpt_tos]
            self._arrived.notify_all()
        return "250 OK"

    def wait(self, count=1, seconds=100):
        """Return the letters once there are so many, as messages."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.letters) >= count, seconds), self.letters
        return self.messages()

    def messages(self):
        return [
            email.message_from_bytes(data, policy=email.policy.default) for _, data in self.letters
        ]
