"""Mail by SMTP: TLS always, the server's name checked, nothing sent before (ET-1, F25).

There is no way to switch TLS off. What a server says is read as numbers; its texts, which may repeat an address, are
neither kept nor raised. One connection serves a round; each letter has one recipient.
"""

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Self

from strongroom.formats.secret import Secret
from strongroom.policy.obligations.channels.answers import Answer, Letter, Problem, no_longer_than

CONNECT_WITHIN: Final = 10.0
WHOLE_WITHIN: Final = 60.0
"""A letter with its connection, whatever the server does."""
LARGEST: Final = 64 << 10
ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
ENHANCED: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
QUEUED: Final = re.compile(r"queued as ([A-Za-z0-9._-]{4,40})")
_CERTIFICATE: Final = {9: Problem.EXPIRED, 10: Problem.EXPIRED, 62: Problem.WRONG_NAME, 64: Problem.WRONG_NAME}
"""OpenSSL's numbers of X509_V_ERR: not yet valid, expired, another host, another address."""
_OLD: Final = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "WRONG_SSL_VERSION", "VERSION_TOO_LOW", "NO_PROTOCOLS")
_PLAIN: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True)
class Mailer:
    """The server that takes our mail and who we are there."""

    host: str
    port: int
    security: str
    sender: str
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(b""))
    ca_file: Path | None = None
    patience: float = WHOLE_WITHIN

    def __post_init__(self) -> None:
        if self.security not in ("starttls", "tls"):
            raise ValueError("mail leaves by starttls or tls")

    @property
    def peer(self) -> str:
        return f"{self.host}:{self.port}"

    def session(self) -> "Session":
        return Session(self)


class Session:
    """Connected when the first letter needs it; a letter that failed leaves no connection for the next."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, letter: Letter) -> Answer:
        """Deliver one letter to the server. What went wrong is in the answer; nothing is raised."""
        written = _written(letter, self._mailer.sender)
        if isinstance(written, Problem):
            return Answer(written)
        with no_longer_than(self._mailer.patience, self._socket) as over:
            answer = self._try(letter.to, written)
        if not answer.delivered:
            self.close()
        return Answer(Problem.SLOW) if over.is_set() and not answer.delivered else answer

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.close()
            except OSError:
                return

    def _socket(self) -> socket.socket | None:
        return getattr(self._smtp, "sock", None)

    def _try(self, to: str, written: bytes) -> Answer:
        try:
            smtp = self._connected()
            return _hand_over(smtp, self._mailer.sender, to, written)
        except smtplib.SMTPException as problem:
            return _of_smtp(problem)
        except ssl.SSLError as problem:
            return Answer(of_tls(problem))
        except TimeoutError:
            return Answer(Problem.SLOW)
        except (ConnectionRefusedError, socket.gaierror):
            return Answer(Problem.UNREACHABLE)
        except (OSError, ValueError):  # broke off while TLS was agreed on, or in between
            return Answer(Problem.BROKE_OFF if self._smtp is not None else Problem.UNREACHABLE)

    def _connected(self) -> smtplib.SMTP:
        """TLS agreed on and the name checked, before anything but EHLO and STARTTLS was said."""
        if self._smtp is not None:
            return self._smtp
        mailer, context = self._mailer, _context(self._mailer.ca_file)
        smtp = smtplib.SMTP(timeout=CONNECT_WITHIN, local_hostname=mailer.sender.partition("@")[2])
        self._smtp = smtp
        smtp.sock = socket.create_connection((mailer.host, mailer.port), CONNECT_WITHIN)
        if mailer.security == "tls":
            smtp.sock = context.wrap_socket(smtp.sock, server_hostname=mailer.host)
        code, _ = smtp.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, b"")
        smtp.ehlo_or_helo_if_needed()
        if mailer.security == "starttls":
            _start_tls(smtp, context, mailer.host)
        if mailer.username:
            _sign_in(smtp, mailer)
        return smtp


def _start_tls(smtp: smtplib.SMTP, context: ssl.SSLContext, host: str) -> None:
    """Or nothing: whoever offers no TLS, or takes the offer out, gets no mail. What was said before is forgotten."""
    if not smtp.has_extn("starttls"):
        raise smtplib.SMTPNotSupportedError
    code, _ = smtp.docmd("STARTTLS")
    if code != 220:
        raise smtplib.SMTPNotSupportedError
    smtp.sock = context.wrap_socket(smtp.sock, server_hostname=host)  # type: ignore[arg-type]  # connected above
    smtp.file = None  # with it goes whatever was sent in plain words behind the answer (RFC 3207 5, CVE-2011-0411)
    smtp.helo_resp = smtp.ehlo_resp = None
    smtp.esmtp_features, smtp.does_esmtp = {}, False
    smtp.ehlo_or_helo_if_needed()


def _sign_in(smtp: smtplib.SMTP, mailer: Mailer) -> None:
    """Each way that both know; a server that loses patience over it has refused us too."""
    try:
        smtp.login(mailer.username, mailer.password.text())
    except smtplib.SMTPServerDisconnected:
        raise smtplib.SMTPAuthenticationError(-1, b"") from None


def of_tls(problem: ssl.SSLError) -> Problem:
    """What was wrong with the other end's TLS."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(problem.verify_code, Problem.UNTRUSTED)
    reason = problem.reason or ""
    if any(word in reason for word in _OLD):
        return Problem.OLD_TLS
    if any(word in reason for word in _PLAIN):
        return Problem.NOT_TLS
    return Problem.BROKE_OFF


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _hand_over(smtp: smtplib.SMTP, sender: str, to: str, written: bytes) -> Answer:
    """One transaction, inside TLS. The answer after the last line is the proof of delivery."""
    if not isinstance(smtp.sock, ssl.SSLSocket):
        return Answer(Problem.NO_TLS)
    limit = smtp.esmtp_features.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(written):
        return Answer(Problem.TOO_LARGE, 552)
    options = [f"size={len(written)}"] if "size" in smtp.esmtp_features else []
    code, words = smtp.mail(sender, options)
    if code == 250:
        code, words = smtp.rcpt(to)
    if code not in (250, 251):
        return _refused(code, words)
    code, words = smtp.data(written)
    if code != 250:
        return _refused(code, words)
    return Answer(Problem.NONE, code, _proof(words))


def _refused(code: int, words: bytes) -> Answer:
    if code == 552 or b"5.3.4" in words:
        return Answer(Problem.TOO_LARGE, code, _proof(words))
    if code == 421 or code < 0:
        return Answer(Problem.BROKE_OFF, code if code > 0 else None)
    return Answer(Problem.REFUSED if code >= 500 else Problem.LATER, code, _proof(words))


def _of_smtp(problem: smtplib.SMTPException) -> Answer:
    match problem:
        case smtplib.SMTPNotSupportedError():
            return Answer(Problem.NO_TLS)
        case smtplib.SMTPAuthenticationError():
            return Answer(Problem.SIGN_IN, code if (code := int(problem.smtp_code)) > 0 else None)
        case smtplib.SMTPServerDisconnected():
            return Answer(Problem.BROKE_OFF)
        case smtplib.SMTPResponseException() if int(problem.smtp_code) > 0:
            code = int(problem.smtp_code)
            for_good = code >= 500 and isinstance(problem, smtplib.SMTPDataError)
            return Answer(Problem.REFUSED if for_good else Problem.LATER, code)
        case _:
            return Answer(Problem.BROKE_OFF)


def _proof(words: bytes) -> str:
    """What of a server's answer is kept: numbers that its own log knows, no words."""
    text = words.decode("ascii", "replace")
    found = [match[0] for match in [ENHANCED.search(text)] if match]
    found += [f"queued as {match[1]}" for match in [QUEUED.search(text)] if match]
    return ", ".join(found)[:80]


def _written(letter: Letter, sender: str) -> bytes | Problem:
    """The letter as bytes. A field that could begin another header, or an address that is none, is not sent."""
    if not ADDRESS.fullmatch(letter.to) or not ADDRESS.fullmatch(sender):
        return Problem.BAD_ADDRESS
    made = EmailMessage(policy=SMTP)
    domain = sender.partition("@")[2]
    try:
        made["From"], made["To"], made["Subject"] = sender, letter.to, letter.subject
        made["Date"] = format_datetime(datetime.fromtimestamp(letter.at, UTC))
        made["Message-ID"] = f"<{letter.id}.{letter.attempt}@{domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(letter.body, charset="utf-8", cte="quoted-printable")
        written = made.as_bytes()
    except (ValueError, UnicodeError):  # a line break in a header, a name outside ASCII in an address
        return Problem.BAD_ADDRESS
    return written if len(written) <= LARGEST else Problem.TOO_LARGE
