"""`seed --demo`: one account a role, a real ECG described and validated, a session to take at once.

What models were asked before is the worker's (`server.demo_past`), once it has them.
"""

import argparse
import secrets

from sqlmodel import Session

from ml.language.types import Polarity
from schema.context import Services
from schema.models.cases import AnnotationRole, AnnotationType, CaseCategory, Difficulty
from schema.models.training import SessionDifficulty
from schema.policy import Actor, Role
from schema.services.accounts import Accounts
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.cases import Cases
from schema.services.enrolments import Enrolments
from schema.services.intake import Page
from schema.services.jobs import enqueue
from schema.services.passwords import Passwords
from schema.services.recordings import Recordings
from schema.services.sessions import SessionFields, Sessions
from server.app import close_services, wire_services
from server.demo import PASSWORDS, demo_ecg, is_demo
from server.demo_past import PAST_JOB
from server.opening import opened
from server.settings import Settings, load_settings
from server.signing import Signer

PEOPLE = {
    Role.TEACHER: ("Claire Moreau", "enseignante@chevet.example"),
    Role.STUDENT: ("Hugo Lambert", "etudiant@chevet.example"),
    Role.EXPERT: ("Nadia Benali", "experte@chevet.example"),
    Role.ANALYST: ("Paul Girard", "analyste@chevet.example"),
    Role.CLINICIAN: ("Inès Roche", "clinicienne@chevet.example"),
    Role.ADMIN: ("Administration", "admin@chevet.example"),
}
DESCRIPTION = (
    "Rythme sinusal régulier à 60/min. Axe normal. PR normal, QRS fins. Pas d'onde Q pathologique. "
    "Pas de trouble de la repolarisation."
)
VIGNETTE = "Consultation avant une intervention programmée, sans symptôme."


def run(_options: argparse.Namespace) -> None:
    """Fill the database the settings name."""
    settings = load_settings()
    with opened(settings):
        services = wire_services(settings, Signer(settings.secret))
    try:
        seed(settings, services)
    finally:
        close_services(services)


def seed(settings: Settings, services: Services) -> None:
    """Make the demo; passwords are drawn anew and kept in the data folder, readable by its owner alone."""
    with demo_ecg().open("rb") as file:
        stored = services.intake.take(0, file)  # a signal: nobody has anything to settle
    passwords = {role: secrets.token_urlsafe(9) for role in PEOPLE}
    hashing = Passwords(settings.secret)
    hashed = {role: hashing.new(password) for role, password in passwords.items()}
    with services.database.write() as session:
        accounts = Accounts(session, services.clock)
        made = {
            role: accounts.create(name, role, email, hashed[role]).id or 0
            for role, (name, email) in PEOPLE.items()
        }
        teacher = Actor(made[Role.TEACHER], Role.TEACHER)
        case_id = _teach(session, services, teacher, stored)
        if services.model_sync is not None:  # it is what takes up the models that come with the program
            people = {role.value: account for role, account in made.items()}
            enqueue(session, services.clock, PAST_JOB, {**people, "case": case_id})
    lines = "".join(f"{role.value} {email} {passwords[role]}\n" for role, (_name, email) in PEOPLE.items())
    path = settings.data_dir / PASSWORDS
    path.touch(mode=0o600)
    path.write_text(lines, encoding="utf-8")


def sign_ins(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (role, e-mail, password) of the demo's accounts; empty where no demo was made."""
    if not is_demo(settings):
        return []
    lines = (settings.data_dir / PASSWORDS).read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ", 2) for line in lines]
    return [(role, email, password) for role, email, password in rows]


def _teach(session: Session, services: Services, teacher: Actor, stored: list[Page]) -> int:
    """Make a case and a session of it; return the case."""
    cases = Cases(session, teacher, services.clock, services.ontology)
    case = cases.create("Rythme sinusal normal", CaseCategory.NORMAL, Difficulty.BEGINNER, VIGNETTE)
    case_id = case.id or 0
    Recordings(session, cases, services.clock).add(case_id, stored)
    reading = services.matcher.match(DESCRIPTION, "fr").reading
    wanted = [
        NewAnnotation(claim.concept, claim.confidence, AnnotationType.MATCHED, 1.0, AnnotationRole.SCORED)
        for claim in reading.claims
        if claim.polarity is Polarity.PRESENT
    ]
    Annotations(session, cases, services.clock, services.ontology).add(case_id, wanted)
    cases.update(case_id, cases.get(case_id).revision, {"draft_text": DESCRIPTION})
    cases.validate(case_id, cases.get(case_id).revision)
    fields = SessionFields(
        name="Première lecture",
        objectives="Lire un ECG dans l’ordre : rythme, fréquence, axe, intervalles, repolarisation.",
        difficulty=SessionDifficulty.BEGINNER,
        time_limit_minutes=20,
        allow_retry=True,
    )
    training = Sessions(session, teacher, services.clock).create(fields, [case_id])
    Enrolments(session, teacher, services.clock).enrol_student(training.id or 0, PEOPLE[Role.STUDENT][1])
    return case_id
