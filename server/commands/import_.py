"""`import`: many ECGs made cases, by this process or by a worker that is quicker."""

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlmodel import col, select

from ml.ecg.batch import File, Grouping, opened
from schema.context import Services
from schema.errors import (
    AuthenticationRequiredError,
    ConflictError,
    FieldProblem,
    ValidationFailedError,
)
from schema.messages import text_of
from schema.models.accounts import Account
from schema.models.work import Job, JobState
from schema.mutations.bulk import IMPORTED
from schema.policy import Actor, Role, Scope
from schema.services.accounts import normal_email
from schema.services.authentication import actor_now
from schema.services.bulk import RECORDINGS_JOB
from schema.services.jobs import run_due
from server.app import close_services, wire_services
from server.i18n import gettext as _
from server.i18n import speaking
from server.opening import opened as database_opened
from server.settings import StartError, load_settings
from server.signing import Signer

LOOK_S = 0.5


def run(options: argparse.Namespace) -> int:
    """Import; 1 when a file was left out, 2 when nothing could be done.

    The same files again, unchanged, go on with the same import; nothing is imported twice.
    """
    paths = _paths(options.path)
    grouping = Grouping(options.group_by or Grouping.EACH)
    files = [File(name, path) for name, path in paths]
    settings = load_settings()
    with database_opened(settings):
        services = wire_services(settings, Signer(settings.secret))
    try:
        actor = _actor(services, options.account)
        with speaking(actor.language):
            name = _(IMPORTED)
        job = services.recording_imports.ask(actor, files, grouping, name, _key(paths, grouping))
        job = _finished(services, job)
    except ValidationFailedError as error:
        print(*(_said(problem.code, problem.values) for problem in error.problems), sep="\n", file=sys.stderr)
        return 2
    except ConflictError as error:
        print(_said(error.code, ()), file=sys.stderr)
        return 2
    finally:
        close_services(services)
    with opened(files, grouping) as entries:
        return _told(job, [str(entry.name) for entry in entries])


def _paths(given: Path) -> list[tuple[str, Path]]:
    """Return a file, or those of a folder and below it, links left out, with their names from there."""
    if given.is_file():
        return [(given.name, given)]
    if not given.is_dir():
        raise StartError(f"{given} is no file and no folder.")
    found = (path for path in sorted(given.rglob("*")) if path.is_file() and not path.is_symlink())
    return [(str(path.relative_to(given)), path) for path in found]


def _key(paths: Sequence[tuple[str, Path]], grouping: Grouping) -> str:
    """Return what stands for these files as they are now; nothing can be read from it."""
    key = hashlib.sha256(grouping.encode())
    for name, path in paths:
        at = path.stat()
        key.update(f"\0{name}\0{at.st_size}\0{at.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return key.hexdigest()


def _actor(services: Services, email: str | None) -> Actor:
    """Return who the cases are to belong to: the account named, or the oldest administrator's."""
    mine = Account.role == Role.ADMIN.value if email is None else Account.email == normal_email(email)
    wanted = select(Account.id).where(mine, col(Account.disabled_at).is_(None)).order_by(col(Account.id))
    try:
        with services.database.read() as session:
            actor = actor_now(session, services.clock, session.exec(wanted).first() or 0, None)
    except AuthenticationRequiredError:
        raise StartError(f"There is no account {email or 'of an administrator'}.") from None
    if not actor.may(Scope.CASES_WRITE):
        raise StartError(f"{email} may not write cases.")
    return actor


def _finished(services: Services, job: Job) -> Job:
    """Work at the job until it is done, here or elsewhere."""
    handlers = {RECORDINGS_JOB: services.recording_imports.work}
    said = -1
    while job.finished_at is None:
        if not run_due(services.database, handlers, services.clock, 1):
            time.sleep(LOOK_S)
        with services.database.read() as session:
            job = session.get_one(Job, job.id)
        percent = int(100 * job.progress)
        if percent != said and job.finished_at is None:
            print(f"{percent} %", file=sys.stderr)
        said = percent
    return job


def _told(job: Job, names: Sequence[str]) -> int:
    """Print what became of each file, under the name it has here."""
    if job.state != JobState.SUCCEEDED.value or job.result is None:
        print("The import was given up.", file=sys.stderr)
        return 2
    result = job.result
    for name, outcome in zip(names, result["outcomes"], strict=True):
        if outcome["code"]:
            print(f"{name}: {_said(outcome['code'], tuple(outcome['values'].items()))}")
        else:
            held = f", held until their text is settled: {outcome['held']}" if outcome["held"] else ""
            print(f"{name}: case {outcome['case']}, ECGs: {outcome['recordings']}{held}")
    counts = (f"{what}: {result[what]}" for what in ("files", "recordings", "held", "cases", "faults"))
    print(", ".join(counts))
    return 1 if result["faults"] else 0


def _said(code: str, values: tuple[tuple[str, str], ...]) -> str:
    sentence, named = text_of(FieldProblem((), code, values))
    return sentence.format(**named)
