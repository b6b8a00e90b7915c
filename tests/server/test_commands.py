"""The command line: what each command does, and what it costs to start."""

import io
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema
from PIL import Image
from sqlalchemy import text
from sqlmodel import col, select

from ml.language.agreement import agreement
from ml.language.masking import Masker
from ml.language.ruling import RuledVerdict
from schema.database import SQLITE_PRAGMAS, Database
from schema.models.accounts import AuditEvent
from schema.models.cases import Case
from schema.models.predictions import Prediction
from schema.models.training import Answer
from schema.policy import Role
from schema.services.authentication import Authentication
from schema.services.clock import now
from schema.services.contests import Contests, Ruling, record_export
from schema.services.day_books import kept_days
from schema.services.jobs import Jobs
from schema.services.passwords import Passwords
from schema.services.recounting import RECOUNT_JOB, wake_recount
from server.__main__ import main, parser
from server.commands import rulings
from server.commands.serve import prepare
from server.migrations import ROOT, current_revision, expected_head
from server.settings import Settings, load_settings
from tests.schema.people import StoppedClock
from tests.schema.training import Hospital
from tests.support.processes import free_port

HEAVY = ("alembic", "boto3", "mlflow", "numpy", "openai", "pandas", "PIL", "pydicom", "tensorflow", "wfdb")


@pytest.fixture
def site(blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a migrated installation without accounts, which the environment names."""
    shutil.copytree(blank, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "data"))
    return load_settings()


def authentication(settings: Settings) -> Authentication:
    return Authentication(Database(settings.database_url), now, Passwords(settings.secret))


def test_nobody_else_on_the_machine_may_read_what_a_command_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "data"))
    command = [sys.executable, "-m", "server", "migrate"]
    subprocess.run(command, cwd=ROOT, check=True, umask=0o022)
    made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(made) > 1
    assert not [path.name for path in made if path.stat().st_mode & 0o077]


@pytest.mark.parametrize(
    "line",
    [
        "serve",
        "serve --host 0.0.0.0 --port 80 --workers 4 --demo --no-migrate",
        "worker",
        "migrate",
        "seed --demo",
        "user add --email a@b.example --name Ada --role teacher",
        "token create --role teacher --name LMS --scope cases:read --scope sessions:read --days 7",
        "token create --role teacher --name LMS --document a.graphql --document b.graphql",
        "audit verify",
        "rulings export --output rulings.jsonl",
        "import ecgs.zip --group-by prefix --as a@b.example",
        "feedback export out.jsonl",
        "feedback import in.jsonl --as admin@example.org",
        "feedback corrections triage out.jsonl",
        "feedback corrections beats",
        "monitoring recount",
        "schema",
        "schema --diff schema.graphql",
        "match --input in.jsonl --output out.jsonl --ontology edu-ecg.json --language fr --faults",
    ],
)
def test_every_documented_command_is_understood_and_exists(line: str) -> None:
    module, _, name = parser().parse_args(line.split()).run.partition(":")
    source = (ROOT / "server" / "commands" / f"{module}.py").read_text(encoding="utf-8")
    assert f"def {name}(" in source


@pytest.mark.parametrize("line", ["", "fly", "user", "token create --role king --name x", "seed"])
def test_what_is_no_command_is_refused_with_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line.split())
    assert caught.value.code == 2
    assert "usage: python -m server" in capsys.readouterr().err


def test_bad_settings_are_listed_and_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHEVET_ENV", "prod")
    monkeypatch.setenv("REDIS_URL", "nowhere")
    assert main(["audit", "verify"]) == 2
    said = capsys.readouterr().err
    assert "CHEVET_ENV: " in said
    assert "REDIS_URL: " in said


def test_what_models_learn_from_is_kept_for_this_account_alone_and_made_anew(
    site: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = site.data_dir / "feedback" / "triage.jsonl"
    kept.parent.mkdir()
    kept.write_text("of another day", encoding="utf-8")
    assert main(["feedback", "corrections", "triage"]) == 0
    assert kept.read_bytes() == b""
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in capsys.readouterr().out

    (tmp_path / "mine.jsonl").write_text("mine", encoding="utf-8")
    assert main(["feedback", "corrections", "triage", "mine.jsonl"]) == 2
    assert (tmp_path / "mine.jsonl").read_text(encoding="utf-8") == "mine"


def test_an_account_made_on_the_command_line_can_sign_in(
    site: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["user", "add", "--email", "Ada@Example.org", "--name", "Ada", "--role", "admin"]
    assert main(line) == 0
    password = capsys.readouterr().out.strip()
    assert authentication(site).sign_in("ada@example.org", password, "10.0.0.1")


def test_a_password_from_standard_input_is_not_printed(
    site: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
    line = ["user", "add", "--email", "b@c.example", "--name", "B", "--role", "teacher", "--password-stdin"]
    assert main(line) == 0
    assert capsys.readouterr().out == ""
    assert authentication(site).sign_in("b@c.example", "a long enough password", "10.0.0.1")


@pytest.mark.usefixtures("site")
def test_an_address_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "admin"]
    assert main(line) == 0
    assert main(line) == 1
    assert "email: " in capsys.readouterr().err


def test_a_token_made_on_the_command_line_works_with_its_scopes(
    site: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "create", "--role", "teacher", "--name", "LMS", "--scope", "cases:read"]) == 0
    actor = authentication(site).by_api_token(capsys.readouterr().out.strip())
    assert actor is not None
    assert (actor.role, actor.scopes) == (Role.TEACHER, frozenset({"cases:read"}))


@pytest.mark.usefixtures("site")
def test_a_scope_beyond_the_role_makes_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create", "--role", "student", "--name", "x", "--scope", "cases:write"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "scopes: " in said.err


def test_the_trail_is_verified_and_tampering_is_named(
    site: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "admin"])
    assert main(["audit", "verify"]) == 0
    database = Database(site.database_url)
    with database.write() as session:
        session.connection().execute(text("UPDATE audit_event SET action = 'nothing' WHERE sequence = 1"))
    database.dispose()
    assert main(["audit", "verify"]) == 1
    assert "row 1" in capsys.readouterr().out


def test_predictions_are_counted_anew_on_the_command_line(
    site: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "admin"])
    database = Database(site.database_url)
    with database.write() as session:
        for _ in range(3):
            session.add(
                Prediction(
                    family="triage",
                    asked_by=1,
                    alias="champion",
                    input_sha256="0" * 64,
                    ml_available=True,
                    latency_ms=1,
                    created_at=now(),
                )
            )
    capsys.readouterr()
    for corrected in (1, 0):
        assert main(["monitoring", "recount"]) == 0
        assert capsys.readouterr().out == f"Predictions: 3, days put right: {corrected}\n"
    with database.read() as session:
        assert [each.total for each in kept_days(session).values()] == [3]
    with database.write() as session:
        wake_recount(session, now)
    assert Jobs(database, now, "worker").claim(frozenset({RECOUNT_JOB}))
    assert main(["monitoring", "recount"]) == 0
    assert capsys.readouterr().out == "Another process counts already.\n"
    database.dispose()


def contested(site: Settings, folder: Path) -> None:
    """Let a student contest what a mark says, and a teacher rule."""
    database = Database(site.database_url)
    hospital = Hospital(database, StoppedClock(), folder)
    student = hospital.student()
    attempt = hospital.started(hospital.training(), student)
    hospital.save(student, attempt, "« Bloc » de branche\ngauche ?")
    hospital.submissions.submit(student, attempt.id or 0, "key")
    with database.write() as session:
        answer = session.exec(select(Answer)).one()
        contest, _ = Contests(session, student, now).contest(answer.id or 0, "LBBB", "Moi, Lina.")
    with database.write() as session:
        Contests(session, hospital.teacher, now).rule(contest.id or 0, 1, Ruling(RuledVerdict.PARTIAL, "Vu."))
    hospital.close()
    database.dispose()


def test_rulings_are_exported_for_the_benchmark_and_the_export_is_on_record(
    site: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contested(site, tmp_path)
    written = tmp_path / "rulings.jsonl"
    assert main(["rulings", "export", "--output", str(written)]) == 0
    assert capsys.readouterr().out == f"Rulings written to {written}: 1\n"
    assert written.stat().st_mode & 0o077 == 0
    text = written.read_text(encoding="utf-8")
    assert (json.loads(text)["concept"], json.loads(text)["ruled"]) == ("LBBB", "partial")
    assert "Lina" not in text
    assert agreement(written).overall["all"]["rulings"] == 1
    database = Database(site.database_url)
    with database.read() as session:
        recorded = session.exec(select(AuditEvent).where(AuditEvent.action == "rulings.exported")).one()
    database.dispose()
    assert (recorded.actor_id, recorded.detail) == (None, {"rulings": 1})


def test_nothing_is_exported_before_it_is_on_record(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contested(site, tmp_path)
    written, sizes = tmp_path / "rulings.jsonl", list[int]()

    def refused(*_: object) -> None:
        sizes.append(written.stat().st_size)
        raise RuntimeError

    monkeypatch.setattr(rulings, "record_export", refused)
    with pytest.raises(RuntimeError):
        main(["rulings", "export", "--output", str(written)])
    assert sizes == [0]
    assert not written.exists()


def test_texts_are_masked_while_others_may_write(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contested(site, tmp_path)
    database, mask = Database(site.database_url), Masker.mask

    def masked(masker: Masker, text: str) -> str:
        with database.write() as session:
            record_export(session, now, 0)
        return mask(masker, text)

    monkeypatch.setattr(Masker, "mask", masked)
    assert main(["rulings", "export", "--output", str(tmp_path / "rulings.jsonl")]) == 0
    database.dispose()


def test_an_export_replaces_no_file_and_one_that_failed_is_not_on_record(
    site: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    present = tmp_path / "rulings.jsonl"
    present.write_text("kept", encoding="utf-8")
    assert main(["rulings", "export", "--output", str(present)]) == 2
    assert main(["rulings", "export", "--output", str(tmp_path / "nowhere" / "rulings.jsonl")]) == 2
    assert "rulings.jsonl" in capsys.readouterr().err
    assert present.read_text(encoding="utf-8") == "kept"
    database = Database(site.database_url)
    with database.read() as session:
        assert session.exec(select(AuditEvent)).all() == []
    database.dispose()


def test_the_schema_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert build_schema(capsys.readouterr().out).query_type is not None


CHANGES = [
    ("  viewer: Account", "  viewers: Account", "breaking: Field Query.viewers was removed."),
    ("enum Theme {", "enum Theme {\n  SEPIA", "breaking: Enum value Theme.SEPIA was removed."),
    ('  """Dark."""\n  DARK', "", "dangerous: Enum value Theme.DARK was added."),
    ("Who is asking; null", "The viewer; null", ""),
]


@pytest.mark.parametrize("now, before, told", CHANGES)
def test_what_breaks_clients_of_an_earlier_schema_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, now: str, before: str, told: str
) -> None:
    whole = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert now in whole
    (tmp_path / "old.graphql").write_text(whole.replace(now, before), encoding="utf-8")
    assert main(["schema", "--diff", str(tmp_path / "old.graphql")]) == told.startswith("breaking")
    assert capsys.readouterr().out.strip() == told


@pytest.mark.parametrize("text", [None, "type {", "type Query { a: Nothing }"])
def test_an_earlier_schema_that_is_none_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "old.graphql"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["schema", "--diff", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_an_empty_database_is_migrated_unless_told_not_to(settings: Settings, tmp_path: Path) -> None:
    fresh = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/fresh.db"})
    database = Database(fresh.database_url)
    try:
        prepare(fresh, demo=False, may_migrate=False)
        assert current_revision(database) is None
        prepare(fresh, demo=False, may_migrate=True)
        assert current_revision(database) == expected_head()
    finally:
        database.dispose()


def test_a_port_that_is_taken_is_named(site: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    assert f"Port {port} of 127.0.0.1 is taken" in capsys.readouterr().err
    assert not (site.data_dir / "demo-passwords.txt").exists()


STARTING = [
    ["serve", "--port", "0"],
    ["serve", "--port", "0", "--no-migrate", "--demo"],
    ["worker"],
    ["migrate"],
    ["seed", "--demo"],
    ["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "admin"],
    ["token", "create", "--role", "teacher", "--name", "LMS"],
    ["audit", "verify"],
    ["monitoring", "recount"],
    ["rulings", "export", "--output", "rulings.jsonl"],
]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("line", STARTING, ids=" ".join)
def test_a_database_server_that_nobody_reaches_is_named_in_one_sentence(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("DATABASE_URL", f"postgresql+psycopg://chevet:s3cret@127.0.0.1:{port}/ward")
    assert main(line) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Cannot use the database ward at 127.0.0.1:{port} (")
    assert said.endswith("refused): start it, or correct DATABASE_URL.\n")
    assert "s3cret" not in said


@pytest.mark.usefixtures("site")
def test_a_password_with_an_at_sign_in_the_wrong_place_is_not_quoted_as_a_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://chevet:s3c@ret@nowhere.invalid/ward")
    assert main(["migrate"]) == 2
    said = capsys.readouterr().err
    assert "the database ward at nowhere.invalid:5432" in said
    assert "s3c" not in said
    assert "ret@" not in said


@pytest.mark.usefixtures("site")
def test_a_database_the_server_does_not_have_is_named(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url + "_gone")
    assert main(["migrate"]) == 2
    assert "_gone" in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_an_address_that_is_none_is_a_bad_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://chevet:s3cret@localhost:port/ward")
    assert main(["worker"]) == 2
    said = capsys.readouterr().err
    assert "DATABASE_URL: " in said
    assert "s3cret" not in said


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("line", STARTING, ids=" ".join)
@pytest.mark.parametrize("path", ["a-file/chevet.db", "a-folder"])
def test_a_file_that_cannot_be_opened_is_named_in_one_sentence(
    line: list[str],
    path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / path}")
    assert main(line) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Cannot use the database {tmp_path / path} (")
    assert said.count("\n") == 1


def test_a_file_that_another_holds_is_named_and_left_as_it_was(
    site: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SQLITE_PRAGMAS, "busy_timeout", "50")
    other = sqlite3.connect(site.data_dir / "chevet.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert main(["migrate"]) == 2
    other.execute("ROLLBACK")
    other.close()
    assert "chevet.db (database is locked): see that" in capsys.readouterr().err
    assert main(["migrate"]) == 0


@pytest.mark.usefixtures("site")
def test_a_demo_that_cannot_be_made_ends_the_start_without_more_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def seed(command: list[str], **_options: object) -> None:
        raise subprocess.CalledProcessError(2, command)

    monkeypatch.setattr("server.commands.serve.subprocess.run", seed)
    assert main(["serve", "--port", "0", "--demo"]) == 2
    assert capsys.readouterr().err == ""


def imported_by(statement: str) -> set[str]:
    """Return the top-level modules a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_process_that_serves_imports_nothing_heavy() -> None:
    assert imported_by("import server.app") & set(HEAVY) == set()


def test_the_command_line_itself_imports_next_to_nothing() -> None:
    assert imported_by("import server.__main__") & {"sqlalchemy", "strawberry", "starlette"} == set()


def drawn(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (60, 40), 255).save(path, "BMP")
    return path


def test_a_folder_is_imported_once_and_told_by_the_names_it_has_here(
    site: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "ecgs"
    for name in ("P1_2.bmp", "P1_10.bmp", "P2_1.bmp"):
        drawn(folder / name)
    (folder / "notes.txt").write_text("no ECG")
    (folder / "link.bmp").symlink_to(folder / "P2_1.bmp")
    main(["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "teacher"])
    capsys.readouterr()
    for _ in range(2):
        assert main(["import", str(folder), "--group-by", "prefix", "--as", "a@b.example"]) == 1
        told = capsys.readouterr().out.splitlines()
        assert [line.partition(": ")[0] for line in told[:-1]] == [
            "notes.txt",
            "P1_2.bmp",
            "P1_10.bmp",
            "P2_1.bmp",
        ]
        assert told[-1] == "files: 4, recordings: 3, held: 0, cases: 2, faults: 1"
    with Database(site.database_url).read() as session:
        names = session.exec(select(Case.name).order_by(col(Case.id))).all()
    assert names == ["ECG importé 1", "ECG importé 2"]
    kept = [
        path
        for path in (tmp_path / "data").rglob("*")
        if path.is_file() and "P1_" in path.read_text("latin-1")
    ]
    assert kept == []


def test_an_import_for_nobody_or_of_nothing_says_so(
    site: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.database_url
    path = drawn(tmp_path / "ecgs" / "a.bmp")
    main(["user", "add", "--email", "s@b.example", "--name", "Sam", "--role", "student"])
    assert main(["import", str(path)]) == 2
    assert main(["import", str(path), "--as", "nobody@b.example"]) == 2
    assert main(["import", str(path), "--as", "s@b.example"]) == 2
    assert main(["import", str(tmp_path / "missing")]) == 2
    main(["user", "add", "--email", "a@b.example", "--name", "Ada", "--role", "admin"])
    assert main(["import", str(path)]) == 0
    (tmp_path / "empty").mkdir()
    assert main(["import", str(tmp_path / "empty")]) == 2
    assert "This field is required." in capsys.readouterr().err
