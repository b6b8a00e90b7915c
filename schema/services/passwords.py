"""Hashing of passwords and of the secrets that stand for them."""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from schema.errors import FieldProblem

MIN_PASSWORD = 10
MAX_PASSWORD = 200
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id as OWASP's password storage cheat sheet recommends: 19 MiB, 2 passes, 1 lane."""
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password someone chose, hashed before any transaction starts; or what is wrong with it."""

    hash: str | None
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True)
class Passwords:
    """Argon2id, at most four computations at once so that a rush of sign-ins cannot fill the memory.

    Takes tens of milliseconds on purpose: never call it while a writing transaction is open.

    Parameters
    ----------
    key
        Hides in the throttle's rows whom they count. Processes that share a database share the key.
    hasher
        The cost; tests lower it.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    hasher: PasswordHasher = HASHER
    _turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE), repr=False)

    def new(self, text: str, path: str = "password") -> NewPassword:
        """Return a chosen password's hash, or the problem of its length at the input's `path`."""
        size = len(text)
        if size < MIN_PASSWORD:
            return _refused(path, "too_short", "minimum", MIN_PASSWORD)
        if size > MAX_PASSWORD:
            return _refused(path, "too_long", "maximum", MAX_PASSWORD)
        with self._turns:
            return NewPassword(self.hasher.hash(_octets(text)))

    def matches(self, stored: str | None, text: str) -> bool:
        """Return whether `text` is the password; without a stored hash, false after the same work."""
        with self._turns:
            nobodys = self._nobodys  # made at the first call, whoever signs in
            try:
                self.hasher.verify(stored or nobodys, _octets(text[: MAX_PASSWORD + 1]))
            except (VerifyMismatchError, InvalidHashError):
                return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Return whether a hash was made at another cost than today's."""
        return self.hasher.check_needs_rehash(stored)

    def keyed(self, kind: str, text: str) -> str:
        """Return a keyed hash naming someone without telling who."""
        return hmac.new(
            self.key, f"{kind}:{text}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()

    @cached_property
    def _nobodys(self) -> str:
        return self.hasher.hash(secrets.token_bytes(32))


def new_secret(prefix: str = "") -> str:
    """Return a random secret of 256 bits, safe in a cookie and a header."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a random secret: its SHA-256, enough for 256 random bits."""
    return hashlib.sha256(_octets(secret)).hexdigest()


def _octets(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def _refused(path: str, code: str, limit: str, value: int) -> NewPassword:
    return NewPassword(None, (FieldProblem(tuple(path.split(".")), code, ((limit, str(value)),)),))
