"""`user add` and `token create`."""

import argparse
import secrets
import sys
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import Session

from schema.errors import ValidationFailedError
from schema.messages import text_of
from schema.policy import ROLE_SCOPES, Role, Scope
from schema.services.accounts import Accounts
from schema.services.clock import now
from schema.services.passwords import Passwords
from schema.services.tokens import Tokens
from server.opening import opened
from server.settings import Settings, load_settings


def add_user(options: argparse.Namespace) -> int:
    """Make an account and print its password when it was made here."""
    settings = load_settings()
    given = sys.stdin.readline().rstrip("\n") if options.password_stdin else ""
    password = given or secrets.token_urlsafe(12)
    hashed = Passwords(settings.secret).new(password)

    def make(session: Session) -> str:
        Accounts(session, now).create(options.name, Role(options.role), options.email, hashed)
        return "" if given else password

    return _print_made(settings, make)


def create_token(options: argparse.Namespace) -> int:
    """Make an account for an outside system with one token, and print the token."""
    role = Role(options.role)
    scopes = frozenset(map(Scope, options.scope)) or ROLE_SCOPES[role] - {Scope.SCHEMA_READ}

    def make(session: Session) -> str:
        account = Accounts(session, now).create(options.name, role)
        expires = now() + timedelta(days=options.days)
        return Tokens(session, now, None).create(account.id or 0, options.name, scopes, expires).secret

    return _print_made(load_settings(), make)


def _print_made(settings: Settings, make: Callable[[Session], str]) -> int:
    try:
        with opened(settings) as database, database.write() as session:
            secret = make(session)
    except ValidationFailedError as error:
        for problem in error.problems:
            sentence, values = text_of(problem)
            print(f"{'.'.join(problem.path)}: {sentence.format(**values)}", file=sys.stderr)
        return 1
    if secret:
        print(secret)
    return 0
