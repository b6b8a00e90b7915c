"""`user add` and `token create`."""

import argparse
import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session

from schema.build import build_schema
from schema.errors import ValidationFailedError
from schema.messages import text_of
from schema.policy import ROLE_SCOPES, Role, Scope
from schema.services.accounts import Accounts
from schema.services.clock import now
from schema.services.passwords import Passwords
from schema.services.tokens import Tokens
from schema.services.trusted_documents import TrustedDocuments
from server.opening import opened
from server.settings import Settings, StartError, load_settings


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

    texts = [_read(path) for path in options.document]

    def make(session: Session) -> str:
        account = Accounts(session, now).create(options.name, role)
        expires = now() + timedelta(days=options.days)
        made = Tokens(session, now, None).create(
            account.id or 0, options.name, scopes, expires, confined=bool(texts)
        )
        _register(session, account.id or 0, texts)
        return made.secret

    return _print_made(load_settings(), make)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} cannot be read: {error}") from None


def _register(session: Session, account_id: int, texts: list[str]) -> None:
    documents, kept = build_schema().documents, TrustedDocuments(session, now, None)
    for text in texts:
        found = documents.check(text, told=True)
        kept.register(account_id, text, found.operations, found.cost)


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
