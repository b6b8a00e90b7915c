"""People of the tests: accounts made through the services, and the time they live in."""

from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher

from schema.database import Database
from schema.models.accounts import Account
from schema.policy import Actor, Role
from schema.services.accounts import Accounts
from schema.services.clock import Clock
from schema.services.passwords import Passwords

PASSWORDS = Passwords(key=b"k" * 32, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""As cheap as Argon2 allows."""
PASSWORD = "un mot de passe"


class StoppedClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **duration: float) -> None:
        self.at += timedelta(**duration)


def person(database: Database, clock: Clock, role: Role = Role.TEACHER, name: str = "Anne Morel") -> Account:
    """Make an account that signs in as `<role>.<name>@example.org` with PASSWORD."""
    email = f"{role.value}.{name.replace(' ', '.')}@example.org"
    password = PASSWORDS.new(PASSWORD)
    with database.write() as session:
        return Accounts(session, clock).create(name, role, email, password)


def actor_of(account: Account, **options: object) -> Actor:
    """Return the account's actor as a signed-in browser has it."""
    assert account.id is not None
    return Actor(account.id, Role(account.role), account.display_name, account.language, **options)  # type: ignore[arg-type]
