"""What the measured server holds: a library, one class in the middle of a session, one outside system."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel, col, select

from ml.language.normalising import plain
from ml.language.ontology import Ontology, load_ontology
from schema.database import Database
from schema.models.accounts import Account
from schema.models.cases import (
    Annotation,
    AnnotationRole,
    AnnotationType,
    Case,
    CaseCategory,
    CaseStatus,
    Difficulty,
    Recording,
    RecordingTiming,
)
from schema.models.training import Enrolment, EnrolmentOrigin, SessionDifficulty
from schema.policy import ROLE_SCOPES, Actor, Role
from schema.services import revisions
from schema.services.attempts import Attempts
from schema.services.clock import now
from schema.services.passwords import Passwords
from schema.services.sessions import SessionFields, Sessions
from schema.services.tokens import Tokens
from schema.types.base import global_id

CASES = 200
ANNOTATIONS = 4
STUDENTS = 100
PINNED = 5
PASSWORD = "une phrase de banc d'essai"
TEACHER = "enseignante@bench.example"


@dataclass(frozen=True, slots=True)
class Seeded:
    """How to get at what was made.

    Parameters
    ----------
    attempts
        Students who sign in: (e-mail, opaque id of their open attempt).
    managed_attempts
        Opaque ids of the open attempts of participants the outside system answers for.
    concepts
        Codes an answer may pick.
    """

    token: str
    attempts: list[tuple[str, str]]
    managed_attempts: list[str]
    concepts: list[str]


def seed(database: Database) -> Seeded:
    """Fill a migrated, empty database."""
    ontology = load_ontology()
    password_hash = Passwords().new(PASSWORD).hash
    with database.write() as session:
        teacher = _account(Role.TEACHER, email=TEACHER, password_hash=password_hash)
        session.add(teacher)
        session.flush()
        created = Tokens(session, now, None).create(teacher.id or 0, "Banc", ROLE_SCOPES[Role.TEACHER])
        actor = Actor(teacher.id or 0, Role.TEACHER, token_id=created.token.id)
        _library(session, ontology, actor.account_id)
        session_id = _training(session, ontology, actor)
        students = [
            _account(Role.STUDENT, email=f"etudiant{number}@bench.example", password_hash=password_hash)
            for number in range(STUDENTS)
        ]
        managed = [
            _account(Role.STUDENT, managed_by=teacher.id, external_id=f"participant-{number}")
            for number in range(STUDENTS)
        ]
        return Seeded(
            created.secret,
            [
                (student.email or "", _begun(session, session_id, student, None))
                for student in _kept(session, students)
            ],
            [_begun(session, session_id, each, actor) for each in _kept(session, managed)],
            [concept.id for concept in ontology.concepts[:20]],
        )


def _account(role: Role, **fields: Any) -> Account:
    return Account(display_name=f"{role.value.title()} du banc", role=role.value, created_at=now(), **fields)


def _kept(session: Session, accounts: list[Account]) -> list[Account]:
    session.add_all(accounts)
    session.flush()
    return accounts


def _library(session: Session, ontology: Ontology, owner_id: int) -> None:
    _insert(session, Case, _cases(owner_id))
    keys = session.exec(select(Case.id).order_by(col(Case.id))).all()
    _insert(session, Recording, (recording(key or 0) for key in keys))
    _insert(session, Annotation, (row for key in keys for row in _annotations(ontology, key or 0)))


def _insert(session: Session, table: type[SQLModel], rows: Iterator[dict[str, Any]]) -> None:
    session.execute(insert(table), list(rows))


def _cases(owner_id: int) -> Iterator[dict[str, Any]]:
    categories, levels = list(CaseCategory), list(Difficulty)
    for number in range(CASES):
        name = f"Cas {number + 1}, douleur thoracique au repos depuis deux heures"
        yield {
            "owner_id": owner_id,
            "name": name,
            "category": categories[number % len(categories)].value,
            "difficulty": levels[number % len(levels)].value,
            "description": "Homme de 58 ans, fumeur, sans antécédent connu.",
            "draft_text": "Rythme sinusal régulier à 60/min, sus-décalage de ST en V2-V4.",
            "status": CaseStatus.VALIDATED.value,
            "revision": 1,
            "search_text": plain(name),
            "created_at": now() - timedelta(days=400 - number),
            "updated_at": now() - timedelta(hours=400 - number),
        }


def recording(case_id: int) -> dict[str, Any]:
    """Return what the row of a case's one recording has."""
    return {
        "case_id": case_id,
        "label": "ECG_01",
        "timing": RecordingTiming.INITIAL.value,
        "position": 0,
        "kind": "signal",
        "media_type": "application/dicom",
        "original_key": f"originals/{case_id:064x}",
        "rendering_key": f"renderings/{case_id:064x}",
        "rendering_media_type": "image/png",
        "thumbnail_key": f"thumbnails/{case_id:064x}",
        "width": 2780,
        "height": 2100,
        "pixels_per_mm": 10.0,
        "sampling_rate_hz": 1000.0,
        "duration_s": 10.0,
        "leads": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
        "created_at": now(),
    }


def _annotations(ontology: Ontology, case_id: int) -> Iterator[dict[str, Any]]:
    """Yield one case's annotations; from case to case they move on through the ontology."""
    first = case_id * ANNOTATIONS % (len(ontology.concepts) - ANNOTATIONS)
    for position, concept in enumerate(islice(ontology.concepts, first, first + ANNOTATIONS)):
        yield {
            "case_id": case_id,
            "concept_id": concept.id,
            "confidence": 92.5,
            "type": AnnotationType.MATCHED.value,
            "coefficient": 0.8,
            "role": AnnotationRole.SCORED.value,
            "position": position,
            "created_at": now(),
        }


def _training(session: Session, ontology: Ontology, actor: Actor) -> int:
    """Make a session of a few cases and return its key."""
    pinned = session.exec(select(Case).order_by(col(Case.id)).limit(PINNED)).all()
    for case in pinned:
        revisions.record(session, now, case, actor.account_id, ontology.version)
    fields = SessionFields(
        name="Lecture de garde",
        objectives="",
        difficulty=SessionDifficulty.BEGINNER,
        time_limit_minutes=180,
    )
    return Sessions(session, actor, now).create(fields, [case.id or 0 for case in pinned]).id or 0


def _begun(session: Session, session_id: int, account: Account, manager: Actor | None) -> str:
    """Enrol somebody, begin their attempt and return its opaque id."""
    origin = EnrolmentOrigin.JOIN_CODE if manager is None else EnrolmentOrigin.EXTERNAL
    enrolment = Enrolment(
        session_id=session_id, account_id=account.id or 0, origin=origin.value, created_at=now()
    )
    session.add(enrolment)
    session.flush()
    actor = manager or Actor(account.id or 0, Role.STUDENT)
    return global_id("Attempt", Attempts(session, actor, now).start(enrolment.id or 0).id or 0)
