"""The one owner of SMTP: makes letters into messages, and hands them to the mail server.

A letter has the same Message-ID however often it is sent, so that a mail that was sent twice because
the coordinator ended at that very moment can be known. Leaves what to say to `web.letters`, and when
to `fabnet.telling_service`.
"""

from __future__ import annotations

import hashlib
import os
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from types import TracebackType

from fabnet.config import MailConfig
from fabnet.errors import LetterLostError, LetterRefusedError, MailError

PASSWORD_VARIABLE = "FABNET_MAIL_PASSWORD"
_TIMEOUT_S = 20
#: Who has read a letter to its end may look at it for long; who does not wait sends it twice.
_TAKES_S = 60
#: A long address in List-Unsubscribe may be neither folded nor encoded.
_UNFOLDED = SMTP.clone(max_line_length=998)
_TEMPORARY, _PERMANENT = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One letter to one address."""

    key: str  # names it: the same key, the same Message-ID
    to: str
    subject: str
    text: str
    language: str
    written_at: datetime
    stop_url: str  # where one POST ends all letters to this reader; "" for none


def compose(mail: Mail, sender: str) -> bytes:
    """Return a message of RFC 5322: the same bytes for the same letter."""
    name, address = parseaddr(sender)
    message = EmailMessage(policy=SMTP)
    message.set_content(mail.text, cte="quoted-printable")
    # A subject is one line, whatever a printer is called.
    message["Subject"] = " ".join(mail.subject.split())
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.to)
    message["Date"] = format_datetime(mail.written_at)
    name_of_it = hashlib.sha256(mail.key.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{name_of_it}@{address.rpartition('@')[2]}>"
    message["Content-Language"] = mail.language
    message["Auto-Submitted"] = "auto-generated"
    if mail.stop_url:
        message["List-Unsubscribe"] = f"<{mail.stop_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message.as_bytes(policy=_UNFOLDED)


def password_of(config: MailConfig) -> str:
    """Return the password at the mail server, from its file or else the environment.

    Raises:
        MailError: there is a user, and no password.
    """
    if not config.user:
        return ""
    if not config.password_file:
        found = os.environ.get(PASSWORD_VARIABLE, "")
        if not found:
            raise MailError(
                f"The mail server wants a password for {config.user}: name a file with"
                f" mail.password_file, or set {PASSWORD_VARIABLE}."
            )
        return found
    try:
        return Path(config.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise MailError(f"{config.password_file} cannot be read: {why}") from error


class _Talk(smtplib.SMTP):
    """Knows whether the letter in hand was handed over."""

    handed = False

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]
        self.handed = True
        self._wait(_TAKES_S)
        found = super().data(msg)
        self.handed = False
        self._wait(_TIMEOUT_S)
        return found

    def _wait(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _TalkTls(_Talk, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Post:
    """A connection to the mail server, for some letters; a context manager.

    Raises:
        MailError: when it is entered: the server cannot be reached, or does not let us in.
    """

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._address = parseaddr(config.sender)[1]
        self._client: _Talk | None = None

    def __enter__(self) -> Post:
        config = self._config
        where = f"The mail server {config.host}:{config.port}"
        password = password_of(config)
        try:
            self._client = self._connect()
            if config.user:
                self._client.login(config.user, password)
        except smtplib.SMTPAuthenticationError as error:
            self.close()
            raise MailError(
                f"{where} does not know user and password: {_words(error.smtp_error)}"
            ) from error
        except smtplib.SMTPResponseException as error:
            self.close()
            raise MailError(f"{where} answered: {_words(error.smtp_error)}") from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise MailError(f"{where} cannot be used: {error}") from error
        return self

    def _connect(self) -> _Talk:
        config = self._config
        if config.security == "none":
            return _Talk(config.host, config.port, timeout=_TIMEOUT_S)
        context = ssl.create_default_context(cafile=config.ca_file or None)
        if config.security == "tls":
            return _TalkTls(config.host, config.port, timeout=_TIMEOUT_S, context=context)
        self._client = _Talk(config.host, config.port, timeout=_TIMEOUT_S)
        self._client.starttls(context=context)
        return self._client

    def send(self, mail: Mail) -> None:
        """Hand one letter over; the server has taken it when this returns.

        Raises:
            LetterRefusedError: it does not take this letter, now or ever; or nobody can write it.
            LetterLostError: it has gone in the middle of this letter.
            MailError: it takes no letters of ours.
        """
        if self._client is None:
            raise MailError("There is no connection to the mail server.")
        try:
            data = compose(mail, self._config.sender)
        except (ValueError, MessageError) as error:
            raise LetterRefusedError(
                f"{mail.to} is no address of mail: {error}", again=False
            ) from error
        try:
            self._client.sendmail(self._address, [mail.to], data)
        except smtplib.SMTPRecipientsRefused as error:
            code, words = error.recipients[mail.to]
            raise _refused(code, words) from error
        except smtplib.SMTPSenderRefused as error:
            # It would say so to every letter: the configuration is wrong, or we send too much.
            raise MailError(
                f"The mail server does not take letters from {self._address}:"
                f" {_words(error.smtp_error)}"
            ) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            why = f"The mail server has gone: {error}"
            raise LetterLostError(why, handed=self._client.handed) from error

    def close(self) -> None:
        """Say good-bye, if anybody listens."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            client.quit()
        except (OSError, smtplib.SMTPException):
            client.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())


def _refused(code: int, words: bytes | str) -> LetterRefusedError:
    return LetterRefusedError(f"{code} {_words(words)}", again=_TEMPORARY <= code < _PERMANENT)
