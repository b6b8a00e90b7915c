"""`feedback export`, `import` and `corrections`: what readers think of predictions, as lines of JSON."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlmodel import col, select

from ml.registry.home import Home
from schema.context import Services
from schema.errors import AuthenticationRequiredError, FieldProblem
from schema.messages import text_of
from schema.models.accounts import Account
from schema.models.predictions import ModelFamily
from schema.policy import Actor, Role, Scope
from schema.services.accounts import normal_email
from schema.services.authentication import actor_now
from schema.services.feedback_files import exported, record_export
from schema.services.participant_files import LineFault
from schema.services.retraining import write_corrections
from server.app import close_services, wire_services
from server.opening import opened
from server.settings import Settings, StartError, load_settings
from server.signing import Signer


def export(options: argparse.Namespace) -> int:
    """Write all feedback on triage to a new file that only this account reads; 2 when it cannot be made."""
    services = _services()
    try:
        with services.database.read() as session:
            lines = [orjson.dumps(each) + b"\n" for each in exported(session)]
        made = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "wb") as target:
            with services.database.write() as session:
                record_export(session, services.clock, None, len(lines))
            target.writelines(lines)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        close_services(services)
    print(f"Opinions written to {options.file}: {len(lines)}")
    return 0


def import_(options: argparse.Namespace) -> int:
    """Take feedback on triage in; 1 when a line was left out, 2 when the file cannot be read."""
    services = _services()
    try:
        with options.file.open("rb") as file:
            tally = services.feedback_imports.work(_actor(services, options.account), _lines(file))
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        close_services(services)
    for fault in tally.faults:
        print(_said(fault))
    counts = ("lines", "stored", "kept", "unchanged", "fault_count")
    print(", ".join(f"{name.removesuffix('_count')}: {getattr(tally, name)}" for name in counts))
    return 1 if tally.fault_count else 0


def corrections(options: argparse.Namespace) -> int:
    """Write what a family can learn from, for `python -m ml train` and `retrain`; 2 when it cannot be."""
    settings, family = load_settings(), ModelFamily(options.family)
    services = _services(settings)
    path: Path = options.file or Home(settings.data_dir).feedback(family.value)
    try:
        if options.file is not None and path.exists():
            raise FileExistsError(f"{path} is there already")
        with services.database.read() as session:
            lines = write_corrections(session, services.blobs, family, path)
        with services.database.write() as session:
            record_export(session, services.clock, None, lines)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        close_services(services)
    print(f"Opinions written to {path}: {lines}")
    return 0


def _services(settings: Settings | None = None) -> Services:
    settings = settings or load_settings()
    with opened(settings):
        return wire_services(settings, Signer(settings.secret))


def _actor(services: Services, email: str | None) -> Actor:
    """Return who imports: the account named, or the oldest administrator's."""
    mine = Account.role == Role.ADMIN.value if email is None else Account.email == normal_email(email)
    wanted = select(Account.id).where(mine, col(Account.disabled_at).is_(None)).order_by(col(Account.id))
    try:
        with services.database.read() as session:
            actor = actor_now(session, services.clock, session.exec(wanted).first() or 0, None)
    except AuthenticationRequiredError:
        raise StartError(f"There is no account {email or 'of an administrator'}.") from None
    if not actor.may(Scope.MODELS_WRITE):
        raise StartError(f"{email} may not import feedback.")
    return actor


def _lines(file: Any) -> Iterator[bytes]:
    for number, line in enumerate(file):
        yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line


def _said(fault: LineFault) -> str:
    problem = FieldProblem((fault.column,), fault.code, tuple(fault.values.items()))
    sentence, values = text_of(problem)
    where = f"line {fault.line}, {fault.column}" if fault.column else f"line {fault.line}"
    return f"{where}: {sentence.format(**values)}"
