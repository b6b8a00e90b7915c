"""Handing letters to the site's mail server over SMTP, encrypted unless the site says otherwise."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal

from schema.models.alerts import MailFault

SECONDS = 10.0
"""How long the server may say nothing at each step."""

Encryption = Literal["starttls", "tls", "none"]


class MailError(Exception):
    """A letter was not taken.

    Parameters
    ----------
    lasting
        Whether it would be refused again.
    """

    def __init__(self, fault: MailFault, *, lasting: bool = False) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in, and as whom.

    Parameters
    ----------
    encryption
        `starttls` goes no further where the server does not offer it, `tls` is from the first byte on.
    trust
        Returns what the server's certificate is checked with; by default what the system trusts, or the file
        of `SSL_CERT_FILE`.
    """

    host: str
    port: int
    sender: str
    encryption: Encryption = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    seconds: float = SECONDS
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context

    @property
    def domain(self) -> str:
        """Return the sender's domain."""
        return self.sender.rpartition("@")[2].rstrip("> ")

    def send(self, letter: EmailMessage) -> None:
        """Hand a letter in.

        Raises
        ------
        MailError
            When it is not taken; the server may have it all the same where the connection broke at the end.
        """
        try:
            with self._connected() as server:
                server.send_message(letter)
        except smtplib.SMTPAuthenticationError:
            raise MailError(MailFault.NOT_LET_IN) from None
        except smtplib.SMTPNotSupportedError:
            raise MailError(MailFault.REFUSED, lasting=True) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _said in error.recipients.values()]
            raise MailError(MailFault.REFUSED, lasting=all(_lasting(code) for code in codes)) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise MailError(MailFault.REFUSED, lasting=_lasting(error.smtp_code)) from None
        except ssl.SSLError:
            raise MailError(MailFault.NOT_ENCRYPTED) from None
        except OSError:  # smtplib's own errors are, too
            raise MailError(MailFault.UNREACHABLE) from None

    def _connected(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and let in."""
        if self.encryption == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, self.domain, timeout=self.seconds, context=self.trust()
            )
        else:
            server = smtplib.SMTP(self.host, self.port, self.domain, timeout=self.seconds)
        try:
            if self.encryption == "starttls":
                self._encrypt(server)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _encrypt(self, server: smtplib.SMTP) -> None:
        try:
            server.starttls(context=self.trust())
        except (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException):
            raise MailError(MailFault.NOT_ENCRYPTED) from None


def _lasting(code: int) -> bool:
    return 500 <= code < 600
