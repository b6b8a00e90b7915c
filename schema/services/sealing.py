"""Texts that others carry for us and neither read nor change: sealed by the site's key for one account."""

import base64
import binascii

from schema.errors import NotFoundError
from schema.services.passwords import Passwords


class Seal:
    """Seals texts for an account: another account's is as good as none.

    The same text is sealed the same (AES-SIV, RFC 5297): a form that comes back knows its choices again.

    Parameters
    ----------
    purpose
        What is sealed for one is not taken for another.
    """

    def __init__(self, passwords: Passwords, purpose: str) -> None:
        self._key = bytes.fromhex(passwords.keyed("seal", purpose))

    def seal(self, account_id: int, text: str) -> str:
        """Return what may be given away."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 - few processes need it

        sealed = AESSIV(self._key).encrypt(text.encode(), [str(account_id).encode()])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, account_id: int, sealed: str) -> str:
        """Return the text.

        Raises
        ------
        NotFoundError
            When it was not sealed here, for this account and purpose.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 - the same

        try:
            data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), b"-_", validate=True)
            return AESSIV(self._key).decrypt(data, [str(account_id).encode()]).decode()
        except (binascii.Error, ValueError, InvalidTag):
            raise NotFoundError from None
