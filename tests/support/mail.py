"""A real mail server in every mood one may be in."""

import datetime as dt
import ssl
import time
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass
class PostOffice:
    """What was handed in, and how it is answered.

    Parameters
    ----------
    mood
        What `RCPT TO` is answered with; empty takes it.
    """

    port: int = 0
    mood: str = ""
    silence_s: float = 0.0
    received: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    @property
    def letters(self) -> list[EmailMessage]:
        """Return the letters as a reader's program shows them."""
        contents = [bytes(each.original_content or b"") for each in self.received]
        return [message_from_bytes(each, policy=default) for each in contents]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if self.mood:
            return self.mood
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Take a letter."""
        time.sleep(self.silence_s)  # noqa: ASYNC251 - a server that says nothing, to nobody
        self.received.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


class _Controller(Controller):
    """Tells the port that it was given before it tries it."""

    def _trigger_server(self) -> None:
        self.port = cast("Server", self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def post_office(**options: Any) -> Iterator[PostOffice]:
    """Run a mail server on a port of its own; `options` are those of aiosmtpd."""
    office = PostOffice()
    controller = _Controller(office, hostname=HOST, port=0, server_hostname="mail.example.org", **options)
    controller.start()
    try:
        office.port = controller.port
        yield office
    finally:
        controller.stop()


def letting_in(user: str, password: str) -> Any:
    """Return what checks who signs in, for `authenticator`."""

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        return AuthResult(
            success=(given.login, given.password) == (user.encode(), password.encode()), handled=False
        )

    return check


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server on this machine shows, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(written)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))
