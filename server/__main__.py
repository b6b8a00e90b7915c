"""`python -m server COMMAND`: serve, work, migrate, and what administrators do."""

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from schema.policy import Role, Scope
from server.settings import StartError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name
ROLES = tuple(role.value for role in Role)
SCOPES = tuple(scope.value for scope in Scope)
PRIVATE = 0o077
"""What is taken from files that are made: the database has answers, notes and hashes of passwords."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command; each names the function that runs it, imported only then."""
    top = argparse.ArgumentParser(
        prog="python -m server", description="Chevet: bedside teaching of ECG reading"
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add(commands, "worker", "work off background jobs, without serving pages", "worker:run")
    _add(commands, "migrate", "bring the database to the newest revision", "migrate:run")
    _add_seed(commands)
    _add_user(commands)
    _add_token(commands)
    _add_import(commands)
    audit = commands.add_parser("audit", help="the trail of changes").add_subparsers(
        required=True, metavar="WHAT"
    )
    _add(audit, "verify", "check that the trail is as it was written; exit status 1 when not", "audit:verify")
    rulings = commands.add_parser("rulings", help="what teachers ruled on contested marks").add_subparsers(
        required=True, metavar="WHAT"
    )
    export = _add(
        rulings,
        "export",
        "write contested answers, names masked, with the rulings",
        "rulings:export",
    )
    export.add_argument("--output", type=Path, required=True, help="file of JSON lines to make")
    _add_feedback(commands)
    _add_report(commands)
    monitoring = commands.add_parser("monitoring", help="models in figures").add_subparsers(
        required=True, metavar="WHAT"
    )
    _add(
        monitoring,
        "recount",
        "count all predictions anew, by day; predictions go on meanwhile",
        "monitoring:recount",
    )
    _add_schema(commands)
    _add_match(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what it writes only its own account may read."""
    os.umask(PRIVATE)
    options = parser().parse_args(arguments)
    module, _, name = options.run.partition(":")
    run: Callable[[argparse.Namespace], int | None] = getattr(
        importlib.import_module(f"server.commands.{module}"), name
    )
    try:
        return run(options) or 0
    except StartError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # a migration or the demo, which has said why
        return error.returncode


def _add(commands: Commands, name: str, about: str, run: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(run=run)
    return command


def _add_serve(commands: Commands) -> None:
    serve = _add(commands, "serve", "serve pages and the API", "serve:run")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    serve.add_argument("--workers", type=int, default=1, help="processes that serve (default: %(default)s)")
    serve.add_argument(
        "--demo", action="store_true", help="fill an empty database and print a sign-in for each role"
    )
    serve.add_argument("--no-migrate", action="store_true", help="leave the database at the revision it has")


def _add_seed(commands: Commands) -> None:
    seed = _add(commands, "seed", "fill an empty database", "seed:run")
    seed.add_argument(
        "--demo", action="store_true", required=True, help="with one account a role and real ECGs"
    )


def _add_user(commands: Commands) -> None:
    user = commands.add_parser("user", help="accounts").add_subparsers(required=True, metavar="WHAT")
    add = _add(user, "add", "make an account; prints a password when none is given", "accounts:add_user")
    add.add_argument("--email", required=True, help="address to sign in with")
    add.add_argument("--name", required=True, help="name others see")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _add_token(commands: Commands) -> None:
    token = commands.add_parser("token", help="access for outside systems").add_subparsers(
        required=True, metavar="WHAT"
    )
    create = _add(token, "create", "make an API token and print it, once", "accounts:create_token")
    create.add_argument("--role", required=True, choices=ROLES, help="what the outside system acts as")
    create.add_argument("--name", required=True, help="what the token is for")
    create.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=SCOPES,
        help="repeat for several; all of the role's but schema:read when absent",
    )
    create.add_argument(
        "--document",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="confine the token to the GraphQL documents given this way; repeat for several",
    )
    create.add_argument("--days", type=int, default=365, help="days until it expires (default: %(default)s)")


def _add_import(commands: Commands) -> None:
    importing = _add(
        commands,
        "import",
        "make drafts of ECG files; the same files again go on where they were interrupted",
        "import_:run",
    )
    importing.add_argument("path", type=Path, metavar="FILE|DIR|ZIP", help="what to import, 500 ECGs at most")
    importing.add_argument(
        "--group-by",
        choices=("folder", "prefix"),
        help="make one case of the ECGs of a folder, or of those whose names are the same up to their last "
        "underscore, hyphen or blank (default: each a case)",
    )
    importing.add_argument(
        "--as",
        dest="account",
        metavar="ACCOUNT",
        help="e-mail address of whose the cases are to be (default: the first administrator)",
    )


def _add_feedback(commands: Commands) -> None:
    feedback = commands.add_parser("feedback", help="what readers think of predictions").add_subparsers(
        required=True, metavar="WHAT"
    )
    export = _add(feedback, "export", "write feedback on triage, names masked", "feedback:export")
    importing = _add(
        feedback,
        "import",
        "take feedback on triage in; the same file again changes nothing",
        "feedback:import_",
    )
    importing.add_argument(
        "--as",
        dest="account",
        metavar="ACCOUNT",
        help="e-mail address of the administrator who imports (default: the first one)",
    )
    learnt = _add(
        feedback,
        "corrections",
        "write what models can learn from, for `python -m ml train` and `retrain`",
        "feedback:corrections",
    )
    learnt.add_argument("family", choices=("beats", "triage", "segmentation"))
    learnt.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        nargs="?",
        help="a new file; without it, that of the data folder, made anew: `python -m ml` reads it by itself",
    )
    for each in (export, importing):
        each.add_argument("file", type=Path, metavar="FILE", help="file of JSON lines")


def _add_report(commands: Commands) -> None:
    report = commands.add_parser("report", help="reports on the models").add_subparsers(
        required=True, metavar="WHAT"
    )
    conformity = _add(
        report, "conformity", "make the conformity report of a month anew", "reports:conformity"
    )
    conformity.add_argument("--month", required=True, metavar="YYYY-MM", help="which month, in UTC")
    conformity.add_argument("--language", choices=("fr", "en"), help="in which language (default: in both)")
    conformity.add_argument(
        "--output", type=Path, metavar="DIR", help="also write the files into this folder"
    )


def _add_schema(commands: Commands) -> None:
    schema = _add(commands, "schema", "print the GraphQL schema", "schema:run")
    schema.add_argument(
        "--diff",
        type=Path,
        metavar="OLD",
        help="print instead what has changed since this schema that breaks clients or may; exit status 1 "
        "when something does",
    )


def _add_match(commands: Commands) -> None:
    match = _add(commands, "match", "read texts about ECGs into concepts, line by line", "match:run")
    match.add_argument(
        "--input",
        type=Path,
        help='JSON lines {"id", "text"}, also "key" or "anchor" (default: standard input)',
    )
    match.add_argument("--output", type=Path, help="file of JSON lines (default: standard output)")
    match.add_argument("--ontology", type=Path, help="ontology file, ours or edu-ecg's (default: our own)")
    match.add_argument(
        "--language", choices=("auto", "fr", "en"), default="auto", help="of the texts (default: %(default)s)"
    )
    match.add_argument("--faults", action="store_true", help="list what is wrong with the ontology file")


if __name__ == "__main__":
    sys.exit(main())
