"""One installation with an object of every kind, whose owners are known; and everybody who may ask for it."""

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, select

from ml.beats.packing import KeptBeats, pack
from ml.segmentation.kept import write
from ml.segmentation.reading import Volume
from ml.segmentation.segments import Segment
from schema.models.accounts import Account
from schema.models.alerts import Alert, AlertMail, AlertRule
from schema.models.cases import Annotation, CaseRevision, Digitisation, Recording
from schema.models.held_pages import HeldPage
from schema.models.models import ModelAlias
from schema.models.ontologies import ConceptChange, OntologyFault, OntologyVersion
from schema.models.predictions import (
    BeatClass,
    FeedbackType,
    ModelFamily,
    ModelProblem,
    Prediction,
    TriageLevel,
)
from schema.models.training import Enrolment
from schema.models.webhooks import DeliveryFault, Webhook, WebhookDelivery, WebhookEvent
from schema.models.work import Job
from schema.policy import ROLE_SCOPES, Actor, Role
from schema.services.bulk import IMPORT_JOB
from schema.services.editions import shipped_line
from schema.services.feedback import Opinion, Readers
from schema.services.predictions import Predictions
from schema.services.routing import Routed
from schema.services.segmentation_desk import StoredSegmentation
from schema.services.segmentation_input import SentSegmentation
from schema.services.segmentations import Segmentations
from schema.services.tokens import Tokens
from schema.services.triage import SentVisit, read_visit
from schema.services.triage_training import TriageTraining
from schema.services.trusted_documents import TrustedDocuments
from schema.types.base import global_id, split_id
from tests.schema.conftest import World
from tests.schema.graphql.test_contests import Corrected
from tests.schema.graphql.test_disagreements import noted
from tests.schema.people import PASSWORDS
from tests.schema.toys import deployed, registered, toy
from tests.schema.training import Hospital
from tests.support.language import the_ontology
from tests.support.volumes import label_map

DAY = timedelta(days=1)
BEATS = KeptBeats(
    ("Normal", "PVC"),
    ("II",),
    500.0,
    np.array([200, 600]),
    np.array([0, 1], np.uint8),
    np.array([[0.9, 0.1], [0.3, 0.7]]),
    np.array([[True, False], [True, True]]),
)
CREATE_CONCEPT = """mutation($input: CreateConceptInput!) { createConcept(input: $input) { __typename } }"""
IMPORT = """mutation($input: ImportOntologyInput!) { importOntology(input: $input) {
  ... on Ontology { id } } }"""
CONCEPT: dict[str, Any] = {
    "code": "LLAMA_SIGN",
    "labelFr": "Signe du lama",
    "labelEn": "Llama sign",
    "category": "MORPHOLOGY",
    "kind": "SIGN",
    "parents": ["Tachycardie"],
    "range": {"measure": "QRS", "above": 300},
    "codes": [{"system": "snomed", "value": "1"}],
}


@dataclass
class Installation:
    """The world, who may ask, and an id of each kind that belongs to `owner` or to `participant`.

    Parameters
    ----------
    people
        By what permissions.toml calls them: the `owner` is a teacher, the `participant` a student of theirs;
        of each role somebody else.
    ids
        By type; by field and argument, or by state, where another one of the type is needed.
    """

    world: World
    people: dict[str, Actor | None]
    ids: dict[str, str]

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back whatever happens meanwhile."""
        with undone(self.world):
            yield


@contextmanager
def undone(world: World) -> Iterator[None]:
    """Take back whatever happens to a world on SQLite meanwhile."""
    path = world.database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(":memory:")) as kept, closing(sqlite3.connect(path)) as stored:
        stored.backup(kept)
        yield
        kept.backup(stored)
    world.services.shelf.refresh(at_once=True)


def installed(world: World, folder: Path) -> Iterator[Installation]:
    """Build it."""
    world.services.passwords = PASSWORDS
    with world.database.write() as session:
        shipped_line(session, world.clock, the_ontology())
    world.services.shelf.refresh(at_once=True)
    hospital = Hospital(world.database, world.clock, folder)
    expert = hospital.actor(Role.EXPERT)
    times = {"opens_at": world.clock(), "closes_at": world.clock() + DAY}
    corrected = Corrected(world, hospital, **times)
    owner, participant = hospital.teacher, corrected.student
    contest = corrected.rule(corrected.contest())
    draft = hospital.case("Brouillon", validated=False)
    assert world.ask(CREATE_CONCEPT, expert, input=CONCEPT)["__typename"] == "OntologyVersion"
    file = io.BytesIO(json.dumps({"version": 1, "concepts": {}}).encode())
    imported = world.ask(IMPORT, expert, input={"name": "Vide", "file": file})["id"]
    noted(world)
    analyst = global_id("Account", hospital.actor(Role.ANALYST).account_id)
    ids = {
        "Ontology": imported,
        "Account": global_id("Account", owner.account_id),
        "Case": global_id("Case", draft.id or 0),
        "Concept": global_id("Concept", CONCEPT["code"]),
        "Session": global_id("Session", corrected.training.id or 0),
        "Attempt": corrected.key,
        "Answer": corrected.answer,
        "Contest": contest["id"],
        "updateSession.id": global_id("Session", hospital.training().id or 0),  # none has begun
        "validated": global_id("Case", hospital.case("Flutter").id or 0),
        "AuditEvent": global_id("AuditEvent", 1),
        "MatcherDisagreement": global_id("MatcherDisagreement", 1),
        "createAlertRule.readerIds": analyst,
        "updateAlertRule.readerIds": analyst,
    }
    with world.database.write() as session:
        ids |= _pictured(session, world, hospital.case("Photographie", validated=False).id or 0)
        _managed(session, owner, participant)
        ids |= _made(session, world, owner, split_id(imported)[1])
        ids |= _held(session, world, owner, draft.id or 0)
        ids |= _parts(session, draft.id or 0)
        _digitised(session, ids, world.clock())
        ids |= _answered(session, world, owner, participant)
        ids |= _triaged(session, world, owner, participant)
        ids |= _segmented(session, world, owner)
        ids |= _alerted(session, owner, split_id(ids["ModelVersion"])[1], world.clock())
    people: dict[str, Actor | None] = {"anonymous": None, "owner": owner, "participant": participant}
    people |= {role.value: hospital.actor(role) for role in Role}
    yield Installation(world, people, ids)
    hospital.close()


def _managed(session: Session, owner: Actor, *participants: Actor) -> None:
    """Have accounts called something by the owner's outside system, the owner's own among them."""
    for each in (owner, *participants):
        account = session.get_one(Account, each.account_id)
        account.managed_by, account.external_id = owner.account_id, f"lms-{each.account_id}"


def _made(session: Session, world: World, owner: Actor, ontology_id: int) -> dict[str, str]:
    clock, account_id = world.clock, owner.account_id
    end = clock() + DAY
    token = Tokens(session, clock, None).create(account_id, "Moodle", ROLE_SCOPES[Role.TEACHER], end).token
    token.last_used_at = clock()
    documents = TrustedDocuments(session, clock, None)
    document = documents.register(account_id, "query A { viewer { id } }", ["A"], 52)
    job = _imported(account_id, clock())
    fault = OntologyFault(ontology_id=ontology_id, place="XYZ", code="no_label")
    session.add_all([job, fault])
    session.flush()
    webhook, delivery = _told(session, account_id, clock())
    return {
        "Webhook": global_id("Webhook", webhook.id or 0),
        "WebhookDelivery": global_id("WebhookDelivery", delivery.id or 0),
        "ApiToken": global_id("ApiToken", token.id or 0),
        "TrustedDocument": global_id("TrustedDocument", document.id or 0),
        "Job": global_id("Job", job.id or 0),
        "OntologyFault": global_id("OntologyFault", fault.id or 0),
    }


def _pictured(session: Session, world: World, case_id: int) -> dict[str, str]:
    """Return a recording that is a picture, where none else will do."""
    row = session.exec(select(Recording).where(Recording.case_id == case_id)).one()
    output = io.BytesIO()
    Image.new("L", (64, 48), 255).save(output, "PNG")
    row.kind, row.media_type = "image", "image/png"
    row.original_key = world.services.blobs.put(output.getvalue(), row.media_type)
    named = global_id("Recording", row.id or 0)
    fields = ("recordingEdit", "recordingEditPreview", "recordingEditProposal", "editRecordingImage")
    return {f"{each}.recordingId": named for each in fields}


def _held(session: Session, world: World, owner: Actor, case_id: int) -> dict[str, str]:
    """Return a page that waits to be settled."""
    region = {"kind": "name", "left": 0.1, "top": 0.1, "right": 0.4, "bottom": 0.2}
    page = HeldPage(
        owner_id=owner.account_id,
        case_id=case_id,
        label="ECG du matin",
        timing="initial",
        picture_key="0" * 64,
        media_type="image/png",
        width=64,
        height=48,
        search="done",
        regions=[region],
        created_at=world.clock(),
        expires_at=world.clock() + DAY,
    )
    session.add(page)
    session.flush()
    return {"HeldPage": global_id("HeldPage", page.id or 0)}


def _imported(account_id: int, at: datetime) -> Job:
    """Return an import of two lines, one of them at fault, that also failed once."""
    counts = {"dry_run": False, "lines": 2, "enrolled": 1, "present": 0, "fault_count": 1}
    faults = [{"line": 2, "column": "email", "code": "required", "values": {}}]
    return Job(
        kind=IMPORT_JOB,
        payload={},
        owner_id=account_id,
        run_after=at,
        created_at=at,
        finished_at=at,
        error="fault",
        result={**counts, "faults": faults},
    )


def _digitised(session: Session, ids: dict[str, str], at: datetime) -> None:
    """Propose a signal for the draft's recording, as its owner's job read it."""
    recording = session.get_one(Recording, split_id(ids["Recording"])[1])
    shares = {"followed": 0.9, "ambiguous": 0.1, "off_paper": 0.0}
    trace = {
        "lead": "II",
        "row": 0,
        "column": 0,
        "start_s": 0.0,
        "seconds": 10.0,
        "path": "M0 0L1 1",
        **shares,
    }
    kept = ("kind", "media_type", "original_key", "rendering_key", "rendering_media_type", "thumbnail_key")
    found = {name: getattr(recording, name) for name in (*kept, "width", "height", "leads")}
    told = {"layout": "6x1", "cabrera": False, "leads": ["II"], "speed_mm_s": 25.0, "gain_mm_mv": 10.0}
    paper = {
        "layout": "6x1",
        "speed_mm_s": 25.0,
        "gain_mm_mv": 10.0,
        "pulse_mm": 10.0,
        "quality": {"II": shares},
    }
    recording.paper = {**paper, "points": [[0, 1.0, 2.0]]}
    row = Digitisation(
        recording_id=recording.id or 0,
        job_id=split_id(ids["Job"])[1],
        picture_key=recording.rendering_key,
        asked={**told, "points": [[0, 1.0, 2.0]]},
        found={**found, "paper": {**recording.paper, "traces": [trace]}},
        failure="file_no_grid",
        created_at=at,
    )
    session.add_all([recording, row])
    session.flush()


def _told(session: Session, account_id: int, at: datetime) -> tuple[Webhook, WebhookDelivery]:
    """Return a webhook of which everything is known, and a message that did not reach it."""
    events = [WebhookEvent.ATTEMPT_SUBMITTED.value]
    webhook = Webhook(
        account_id=account_id, url="https://example.org/", events=events, salt="salt", created_at=at
    )
    webhook.previous_salt, webhook.previous_until, webhook.resting_until = "before", at + DAY, at + DAY
    session.add(webhook)
    session.flush()
    delivery = WebhookDelivery(
        webhook_id=webhook.id or 0,
        event_id="msg_1",
        event=events[0],
        body="{}",
        tries=1,
        due_at=at + DAY,
        tried_at=at,
        status=500,
        latency_ms=5,
        fault=DeliveryFault.REFUSED.value,
        created_at=at,
    )
    session.add(delivery)
    session.flush()
    return webhook, delivery


def _answered(session: Session, world: World, owner: Actor, participant: Actor) -> dict[str, str]:
    """Return what a model said of every recording, and what the participant thinks of what they see of it."""
    version = registered(session, world.clock, toy(world.home))
    deployed(session, world.clock, version)
    made = [
        Prediction(
            family="beats",
            case_id=each.case_id,
            recording_id=each.id or 0,
            asked_by=owner.account_id,
            version_id=version.id,
            alias="champion",
            input_sha256=each.original_key,
            ml_available=True,
            latency_ms=5,
            quality="low",
            quality_reasons=["noise"],
            counts={"Normal": 1, "PVC": 1},
            answer=pack(BEATS),
            created_at=world.clock(),
        )
        for each in session.exec(select(Recording).order_by(col(Recording.id)))
    ]
    session.add_all(made)
    session.flush()
    readers = Readers(session, participant, world.clock, PASSWORDS, world.services.shelf.current.masker)
    wrong = Opinion(FeedbackType.UPGRADE, 1, BeatClass.PVC, reason="Large.", missed=["LBBB"])
    corrected = made[0].id or 0
    readers.submit(ModelFamily.BEATS, corrected, Opinion(FeedbackType.CORRECT, 1), the_ontology(), None)
    feedback = readers.submit(ModelFamily.BEATS, corrected, wrong, the_ontology(), None)
    return {
        "BeatPrediction": global_id("BeatPrediction", corrected),
        "Feedback": global_id("Feedback", feedback.id or 0),
        "Model": global_id("Model", version.model_id),
        "ModelVersion": global_id("ModelVersion", version.id or 0),
    }


def _triaged(session: Session, world: World, owner: Actor, participant: Actor) -> dict[str, str]:
    """Return what was said of a visit the owner asked about, and an answer of the participant's training."""
    sent = SentVisit({"age": "54", "sexe": "M"}, "douleur thoracique", None, [("ecg_typique_sca", True)])
    asked = read_visit(sent, world.services.shelf.current.masker)
    outcome = replace(world.services.triage.answer(asked, ModelAlias.CHAMPION), problem=ModelProblem.LOADING)
    made = Predictions(session, owner, world.clock).keep_visit(asked, Routed(ModelAlias.CHAMPION, outcome))
    training = TriageTraining(session, participant, world.clock)
    answer = training.answer("patient-01", TriageLevel.TRI_2, None, None)
    return {
        "TriagePrediction": global_id("TriagePrediction", made.id or 0),
        "TriageAnswer": global_id("TriageAnswer", answer.id or 0),
    }


def _segmented(session: Session, world: World, owner: Actor) -> dict[str, str]:
    """Return what two models said of a patient of the owner's, and the patient."""
    volume = Volume(label_map().clip(0, 3), np.eye(4), oriented=True)
    kept = world.services.blobs.put(write(volume.data, volume), "application/gzip")
    part = {"volume_cm3": 0.1, "voxels": 100, "components": 1, "confidence": 0.9}
    figures = {
        "volume_cm3": 0.3,
        "components": 1,
        "confidence": 0.9,
        "segment_confidence": 0.9,
        "shape": [12, 14, 10],
        "voxel_mm": [1, 1, 1],
        "axes": "RAS",
        "oriented": True,
        "segments": [{"segment": each.value, **part} for each in Segment],
        "pictures": [{"plane": "axial", "number": 1, "slices": 2, "key": kept, "width": 3, "height": 4}],
    }
    segmentations = Segmentations(session, owner, world.clock)
    made = [
        segmentations.keep(
            SentSegmentation("P-1", world.clock().date(), name, "1", 2.0, physician="D-1"),
            StoredSegmentation(kept, figures),
        )
        for name in ("one", "two")
    ]
    return {
        "SegmentationPrediction": global_id("SegmentationPrediction", made[0].id or 0),
        "SegmentedPatient": global_id("SegmentedPatient", 1),
    }


def _alerted(session: Session, owner: Actor, version_id: int, at: datetime) -> dict[str, str]:
    """Return a rule of which everything is known, and an alert of it that a letter about could not leave."""
    condition: dict[str, Any] = {"metric": "success_rate", "comparison": "below", "threshold": 0.9, "days": 1}
    about: dict[str, Any] = {"name": "Succès", "family": "beats", "version_id": version_id, **condition}
    made: dict[str, Any] = {
        "created_by": owner.account_id,
        "created_at": at,
        "readers": [owner.account_id],
    }
    seen: dict[str, Any] = {"value": 0.5, "count": 40, "looked_at": at}
    rule = AlertRule(**about, **made, **seen, minimum=30, webhooks=True, quiet=True)
    session.add(rule)
    session.flush()
    settled: dict[str, Any] = {
        "acknowledged_by": owner.account_id,
        "acknowledged_at": at,
        "closed_by": owner.account_id,
    }
    alert = Alert(
        **about,
        **settled,
        key=f"rule:{rule.id}",
        cause="rule",
        alias="champion",
        rule_id=rule.id,
        value=0.5,
        count=40,
        latest=0.6,
        normal_since=at,
        ending="person",
        note="Relancé.",
        opened_at=at,
    )
    session.add(alert)
    session.flush()
    session.add(
        AlertMail(
            alert_id=alert.id or 0,
            account_id=owner.account_id,
            fault="unreachable",
            due_at=at,
            created_at=at,
        )
    )
    return {"AlertRule": global_id("AlertRule", rule.id or 0), "Alert": global_id("Alert", alert.id or 0)}


def _parts(session: Session, case_id: int) -> dict[str, str]:
    """Return what belongs to the draft, and to the ontology in use."""
    kinds: dict[str, tuple[type[SQLModel], ColumnElement[bool]]] = {
        "Annotation": (Annotation, col(Annotation.case_id) == case_id),
        "CaseRevision": (CaseRevision, col(CaseRevision.case_id) == case_id),
        "Recording": (Recording, col(Recording.case_id) == case_id),
        "ConceptChange": (ConceptChange, col(ConceptChange.concept_id) == CONCEPT["code"]),
        "OntologyVersion": (OntologyVersion, col(OntologyVersion.cause) == "edit"),
        "Enrolment": (Enrolment, col(Enrolment.id) > 0),
    }
    found = {name: session.exec(select(model).where(which)).first() for name, (model, which) in kinds.items()}
    return {name: global_id(name, getattr(row, "id", 0)) for name, row in found.items()}
