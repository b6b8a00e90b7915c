import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlmodel import SQLModel, col, select

import schema.models
from ml.beats.packing import KeptBeats, pack
from schema.database import Database
from schema.models.accounts import ApiToken

ROOT = Path(__file__).resolve().parents[2]
TABLES = set(SQLModel.metadata.tables)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def migrate(url: str, revision: str = "head", *, down: bool = False) -> None:
    config = Config(ROOT / "alembic.ini", attributes={"url": url})
    (command.downgrade if down else command.upgrade)(config, revision)


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}


def test_the_metadata_holds_the_tables_of_every_model_module() -> None:
    assert {"account", "case", "attempt", "job"} <= TABLES
    assert len(schema.models.__all__) == len(list((ROOT / "schema/models").glob("*.py"))) - 2


def test_up_down_and_up_again_leave_what_they_should(database: Database) -> None:
    migrate(database.url)
    assert tables(database) == TABLES
    migrate(database.url, "base", down=True)
    assert tables(database) == set()
    migrate(database.url)
    assert tables(database) == TABLES


def test_the_migrated_schema_is_that_of_the_models(database: Database) -> None:
    migrate(database.url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_keeps_the_rows(database: Database) -> None:
    migrate(database.url)
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO event (topic, kind, payload, at)"
                " VALUES ('t', 'k', '{}', '2026-03-02 09:00:00.000000')"
            )
        )
    migrate(database.url)
    with database.read() as session:
        assert session.execute(text("SELECT topic FROM event")).scalars().all() == ["t"]


def test_tokens_made_before_their_lineage_was_kept_are_kept_both_ways(database: Database) -> None:
    migrate(database.url, "0001")
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO account (id, display_name, role, language, theme, created_at)"
                " VALUES (7, 'Anne', 'teacher', 'fr', 'auto', '2026-03-02 09:00:00.000000')"
            )
        )
        session.execute(
            text(
                "INSERT INTO api_token (id, account_id, name, token_hash, scopes, created_at)"
                " VALUES (3, 7, 'Moodle', 'hash', '[]', '2026-03-02 09:00:00.000000')"
            )
        )
    migrate(database.url)
    with database.read() as session:
        assert session.execute(text("SELECT id, name, made_through FROM api_token")).all() == [
            (3, "Moodle", None)
        ]
    migrate(database.url, "0001", down=True)
    with database.read() as session:
        assert session.execute(text("SELECT id, account_id, name FROM api_token")).all() == [(3, 7, "Moodle")]


def test_a_confined_token_ends_where_nothing_would_confine_it(database: Database) -> None:
    migrate(database.url)
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO account (id, display_name, role, language, theme, created_at)"
                " VALUES (7, 'Anne', 'teacher', 'fr', 'auto', '2026-03-02 09:00:00.000000')"
            )
        )
        session.execute(
            text(
                "INSERT INTO api_token (id, account_id, name, token_hash, scopes, confined, created_at)"
                " VALUES (3, 7, 'Moodle', 'a', '[]', true, '2026-03-02 09:00:00.000000'),"
                " (4, 7, 'Notes', 'b', '[]', false, '2026-03-02 09:00:00.000000')"
            )
        )
    migrate(database.url, "0006", down=True)
    migrate(database.url)
    with database.read() as session:
        kept = session.exec(select(ApiToken).order_by(col(ApiToken.id))).all()
    assert [(token.confined, token.revoked_at is None) for token in kept] == [(False, False), (False, True)]


def test_a_temporary_password_and_its_sessions_end_where_nothing_would_end_it(database: Database) -> None:
    migrate(database.url, "0024")
    account = text(
        "INSERT INTO account (id, display_name, role, language, theme, password_hash, created_at)"
        " VALUES (:key, 'Anne', 'teacher', 'fr', 'auto', 'hash', '2026-03-02 09:00:00.000000')"
    )
    opened = text(
        "INSERT INTO web_session (token_hash, account_id, created_at, expires_at)"
        " VALUES (:hash, :key, '2026-03-02 09:00:00.000000', '2026-03-16 09:00:00.000000')"
    )
    with database.write() as session:
        for key in (7, 8):
            session.execute(account, {"key": key})
            session.execute(opened, {"key": key, "hash": f"of {key}"})
    migrate(database.url)
    with database.write() as session:
        rows = session.execute(text("SELECT password_hash, password_expires_at FROM account")).all()
        assert rows == [("hash", None)] * 2
        temporary = "UPDATE account SET password_expires_at = '2026-03-05 09:00:00.000000' WHERE id = 8"
        session.execute(text(temporary))
    migrate(database.url, "0024", down=True)
    with database.read() as session:
        kept = session.execute(text("SELECT id, password_hash FROM account ORDER BY id")).all()
        assert kept == [(7, "hash"), (8, None)]
        assert session.execute(text("SELECT token_hash FROM web_session")).scalars().all() == ["of 7"]


def test_feedback_given_before_is_told_which_class_it_was_about() -> None:
    path = ROOT / "migrations" / "versions" / "0013_feedback_loop.py"
    spec = importlib.util.spec_from_file_location("feedback_loop", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    chances = np.full((3, 2), 0.5)
    labels, at = np.asarray([0, 1, 0], np.uint8), np.asarray([300, 70_000, 140_000])
    answer = pack(KeptBeats(("Normal", "PVC"), ("II",), 360.0, at, labels, chances, chances > 0))
    assert [module._class_of(answer, beat) for beat in (1, 2, 3)] == ["Normal", "PVC", "Normal"]  # noqa: SLF001


def test_two_who_migrate_at_once_both_succeed(database_url: str) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url}
    arguments = [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"]
    results: list[subprocess.CompletedProcess[str]] = []

    def run() -> None:
        results.append(
            subprocess.run(arguments, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        )

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    engine = create_engine(database_url)
    assert set(inspect(engine).get_table_names()) >= TABLES
    engine.dispose()


def test_a_migration_that_fails_changes_nothing(database: Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE event (sequence INTEGER)"))
    with pytest.raises(Exception, match="event"):
        migrate(database.url)
    assert tables(database) == {"event"}


def test_without_an_address_the_migration_says_what_to_set() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    arguments = [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"]
    result = subprocess.run(arguments, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Set DATABASE_URL" in result.stderr


def test_the_migrations_form_one_line() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


OF_A_RECORDING = (
    """INSERT INTO account (id, display_name, role, language, theme, created_at)
    VALUES (7, 'Anne', 'teacher', 'fr', 'auto', :at)""",
    """INSERT INTO "case" (id, owner_id, name, category, difficulty, description, draft_text, status,
    search_text, revision, created_at, updated_at)
    VALUES (5, 7, 'Flutter', 'other', 'beginner', '', '', 'draft', '', 1, :at, :at)""",
    """INSERT INTO prediction (id, family, case_id, recording_id, asked_by, alias, input_sha256, ml_available,
    latency_ms, quality_reasons, counts, created_at)
    VALUES (3, 'beats', 5, 9, 7, 'champion', 'a', true, 5, '[]', '{}', :at)""",
    """INSERT INTO feedback (id, prediction_id, reader, account_id, target, number, current, type, reason,
    missed_findings, created_at) VALUES (4, 3, 'r', 7, 0, 1, true, 'correct', '', '[]', :at)""",
)
OF_A_VISIT = (
    """INSERT INTO prediction (id, family, asked_by, alias, input_sha256, ml_available, latency_ms,
    quality_reasons, counts, level, visit, created_at)
    VALUES (8, 'triage', 7, 'champion', 'b', false, 5, '[]', '{}', '2', '{}', :at)""",
    """INSERT INTO feedback (id, prediction_id, reader, account_id, target, number, current, type,
    corrected_level, reason, missed_findings, created_at)
    VALUES (6, 8, 'r', 7, 0, 1, true, 'upgrade', '1', '', '[]', :at)""",
)


OF_A_PATIENT = (
    """INSERT INTO prediction (id, family, asked_by, alias, input_sha256, ml_available, latency_ms,
    quality_reasons, counts, created_at)
    VALUES (11, 'segmentation', 7, 'external', 'c', true, 5, '[]', '{}', :at)""",
    """INSERT INTO feedback (id, prediction_id, reader, account_id, target, number, current, type, reason,
    missed_findings, missed_symptoms, created_at)
    VALUES (12, 11, 'r', 7, 0, 1, true, 'correct', '', '[]', '[]', :at)""",
    "INSERT INTO segmented_patient (id, owner_id, code, created_at) VALUES (1, 7, 'P-1', :at)",
    """INSERT INTO segmentation (prediction_id, patient_id, examined_on, model_name, model_version, status,
    processing_s) VALUES (11, 1, '2026-03-01', 'm', '1', 'failed', 2)""",
)


def insert(database: Database, rows: tuple[str, ...]) -> None:
    with database.write() as session:
        for row in rows:
            session.execute(text(row), {"at": "2026-03-02 09:00:00.000000"})


def test_what_was_said_of_recordings_outlives_the_predictions_of_visits(database: Database) -> None:
    migrate(database.url, "0009")
    insert(database, OF_A_RECORDING)
    migrate(database.url, "0010")
    insert(database, OF_A_VISIT)
    migrate(database.url, "0009", down=True)
    with database.read() as session:
        assert session.execute(text("SELECT id, case_id FROM prediction")).all() == [(3, 5)]
        assert session.execute(text("SELECT id, prediction_id FROM feedback")).all() == [(4, 3)]
    migrate(database.url)


def test_what_was_said_of_recordings_and_visits_outlives_segmentations(database: Database) -> None:
    migrate(database.url, "0010")
    insert(database, OF_A_RECORDING)
    insert(database, OF_A_VISIT)
    migrate(database.url, "0015")
    insert(database, OF_A_PATIENT)
    migrate(database.url)
    with database.read() as session:
        opinions = session.execute(text("SELECT family FROM feedback ORDER BY id")).scalars().all()
        assert opinions == session.execute(text("SELECT family FROM prediction ORDER BY id")).scalars().all()
        assert len(set(opinions)) == 3
    migrate(database.url, "0014", down=True)
    with database.read() as session:
        assert session.execute(text("SELECT id FROM prediction ORDER BY id")).scalars().all() == [3, 8]
        assert session.execute(text("SELECT id FROM feedback ORDER BY id")).scalars().all() == [4, 6]
    migrate(database.url)


OF_A_MODEL = (
    "INSERT INTO model (id, family, created_at) VALUES (1, 'beats', :at)",
    """INSERT INTO model_version (id, model_id, number, architecture, classes, metrics, card, data_hash,
    code_version, created_at) VALUES (2, 1, 1, 'best', '[]', '{}', '', '', '', :at)""",
    "INSERT INTO deployment (id, model_id, alias, version_id, changed_at) VALUES (3, 1, 'champion', 2, :at)",
    "UPDATE prediction SET version_id = 2 WHERE id = 3",
)


def test_a_model_that_has_answered_is_altered_under_its_versions_both_ways(database: Database) -> None:
    migrate(database.url, "0010")
    insert(database, (*OF_A_RECORDING, *OF_A_MODEL))
    migrate(database.url)
    migrate(database.url, "0010", down=True)
    migrate(database.url)
    with database.read() as session:
        [kept] = session.execute(text("SELECT family, due, promotes_itself FROM model")).all()
        assert tuple(kept) == ("beats", None, False)
        assert session.execute(text("SELECT version_id FROM prediction")).scalars().all() == [2]
        assert session.execute(text("SELECT prediction_id FROM feedback")).scalars().all() == [3]
