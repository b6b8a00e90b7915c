"""Any object by its id alone."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import strawberry
from sqlmodel import Session

from schema.context import Info
from schema.errors import NotFoundError, ValidationFailedError
from schema.loaders.cases import revisions_of_cases
from schema.models import cases as models
from schema.models.training import Answer as AnswerRow
from schema.pagination import MAX_PAGE
from schema.permissions import query_field
from schema.policy import Role, Scope, may_list_account
from schema.services.accounts import Accounts
from schema.services.attempts import Attempts
from schema.services.audit import Audit
from schema.services.contests import Contests
from schema.services.disagreements import Disagreements
from schema.services.enrolments import Enrolments
from schema.services.held_pages import held_page
from schema.services.jobs import job_of
from schema.services.models import Models
from schema.services.predictions import Predictions
from schema.services.segmentations import Segmentations
from schema.services.sessions import Sessions
from schema.services.tokens import Tokens
from schema.services.trusted_documents import TrustedDocuments
from schema.services.webhooks import Webhooks
from schema.types.accounts import Account
from schema.types.alerts import Alert, AlertRule, alerts_for, rules_for
from schema.types.annotations import Annotation
from schema.types.attempts import Answer, Attempt
from schema.types.audit import AuditEvent
from schema.types.base import Node, local_key
from schema.types.cases import Case, CaseRevision, cases_for
from schema.types.concepts import Concept, concept_code
from schema.types.contests import Contest
from schema.types.disagreements import MatcherDisagreement
from schema.types.enrolments import Enrolment
from schema.types.families import prediction_of
from schema.types.held_pages import HeldPage
from schema.types.jobs import Job
from schema.types.models import Model, ModelVersion
from schema.types.ontologies import (
    ConceptChange,
    Ontology,
    OntologyFault,
    OntologyVersion,
    ontologies_for,
)
from schema.types.predictions import Feedback, prediction_key, readers_for
from schema.types.recordings import Recording
from schema.types.segmentations import SegmentedPatient
from schema.types.sessions import Session as TrainingSession
from schema.types.tokens import ApiToken
from schema.types.triage_training import TriageAnswer, training_for
from schema.types.trusted_documents import TrustedDocument
from schema.types.webhooks import Webhook, WebhookDelivery

Load = Callable[[Info, Session, str], Node]


@dataclass(frozen=True, slots=True)
class NodeKind:
    """How to load one kind of object.

    Parameters
    ----------
    scope
        Without it every object of the kind is missing; None where a token of any scope may ask.
    load
        Returns the node of an id of this kind; raises NotFoundError for what the viewer may not see.
    """

    scope: Scope | None
    load: Load


def _account(info: Info, session: Session, identifier: str) -> Node:
    key, viewer = local_key(identifier, "Account"), info.context.viewer
    account = Accounts(session, info.context.services.clock).get(key)
    if key != viewer.account_id and not may_list_account(viewer, Role(account.role), account.managed_by):
        raise NotFoundError
    return Account.of(account)


def _token(info: Info, session: Session, identifier: str) -> Node:
    tokens = Tokens(session, info.context.services.clock, info.context.viewer)
    return ApiToken.of(tokens.get(local_key(identifier, "ApiToken")))


def _trusted_document(info: Info, session: Session, identifier: str) -> Node:
    documents = TrustedDocuments(session, info.context.services.clock, info.context.viewer)
    return TrustedDocument.of(documents.get(local_key(identifier, "TrustedDocument")))


def _audit_event(info: Info, session: Session, identifier: str) -> Node:
    audit = Audit(session, info.context.services.clock, info.context.viewer)
    return AuditEvent.of(audit.get(local_key(identifier, "AuditEvent")))


def _case(info: Info, session: Session, identifier: str) -> Node:
    return Case.of(cases_for(session, info.context).get(local_key(identifier, "Case")))


def _recording(info: Info, session: Session, identifier: str) -> Node:
    row = session.get(models.Recording, local_key(identifier, "Recording"))
    return Recording.of(_in_visible_case(info, session, row))


def _annotation(info: Info, session: Session, identifier: str) -> Node:
    row = session.get(models.Annotation, local_key(identifier, "Annotation"))
    return Annotation.of(_in_visible_case(info, session, row), info.context)


def _revision(info: Info, session: Session, identifier: str) -> Node:
    row = session.get(models.CaseRevision, local_key(identifier, "CaseRevision"))
    revision = _in_visible_case(info, session, row)
    for each in revisions_of_cases(session, [revision.case_id])[0]:
        if each.id == revision.id:
            return CaseRevision.of(each)
    raise NotFoundError


def _concept(info: Info, _session: Session, identifier: str) -> Node:
    code, ontology = concept_code(identifier), info.context.services.ontology
    if code not in ontology:
        raise NotFoundError
    return Concept.of(ontology.concept(code), info.context)


def _disagreement(info: Info, session: Session, identifier: str) -> Node:
    disagreements = Disagreements(session, info.context.services.clock, info.context.viewer)
    row = disagreements.get(local_key(identifier, "MatcherDisagreement"))
    return MatcherDisagreement.of(row, info.context)


def _session(info: Info, session: Session, identifier: str) -> Node:
    sessions = Sessions(session, info.context.viewer, info.context.services.clock)
    return TrainingSession.of(sessions.get(local_key(identifier, "Session")))


def _enrolment(info: Info, session: Session, identifier: str) -> Node:
    enrolments = Enrolments(session, info.context.viewer, info.context.services.clock)
    return Enrolment.of(enrolments.get(local_key(identifier, "Enrolment")))


def _attempt(info: Info, session: Session, identifier: str) -> Node:
    attempts = Attempts(session, info.context.viewer, info.context.services.clock)
    return Attempt.of(attempts.get(local_key(identifier, "Attempt")))


def _answer(info: Info, session: Session, identifier: str) -> Node:
    row = session.get(AnswerRow, local_key(identifier, "Answer"))
    if row is None:
        raise NotFoundError
    Attempts(session, info.context.viewer, info.context.services.clock).get(row.attempt_id)
    return Answer.of(row)


def _contest(info: Info, session: Session, identifier: str) -> Node:
    contests = Contests(session, info.context.viewer, info.context.services.clock)
    contest, answer = contests.get(local_key(identifier, "Contest"))
    return Contest.of(contest, Answer.of(answer))


def _held_page(info: Info, session: Session, identifier: str) -> Node:
    return HeldPage.of(held_page(session, info.context.viewer, local_key(identifier, "HeldPage")))


def _job(info: Info, session: Session, identifier: str) -> Node:
    return Job.of(job_of(session, info.context.viewer, local_key(identifier, "Job")))


def _webhook(info: Info, session: Session, identifier: str) -> Node:
    webhooks = Webhooks(session, info.context.viewer, info.context.services.clock)
    return Webhook.of(webhooks.get(local_key(identifier, "Webhook")))


def _webhook_delivery(info: Info, session: Session, identifier: str) -> Node:
    webhooks = Webhooks(session, info.context.viewer, info.context.services.clock)
    return WebhookDelivery.of(webhooks.delivery(local_key(identifier, "WebhookDelivery")))


def _model(info: Info, session: Session, identifier: str) -> Node:
    models = Models(session, info.context.viewer, info.context.services.clock)
    return Model.of(models.get(local_key(identifier, "Model")))


def _model_version(info: Info, session: Session, identifier: str) -> Node:
    models = Models(session, info.context.viewer, info.context.services.clock)
    return ModelVersion.of(models.version(local_key(identifier, "ModelVersion")))


def _alert(info: Info, session: Session, identifier: str) -> Node:
    return Alert.of(alerts_for(session, info.context).get(local_key(identifier, "Alert")))


def _alert_rule(info: Info, session: Session, identifier: str) -> Node:
    return AlertRule.of(rules_for(session, info.context).get(local_key(identifier, "AlertRule")))


def _prediction(info: Info, session: Session, identifier: str) -> Node:
    predictions = Predictions(session, info.context.viewer, info.context.services.clock)
    return prediction_of(predictions.get(*prediction_key(identifier)))


def _segmented_patient(info: Info, session: Session, identifier: str) -> Node:
    segmentations = Segmentations(session, info.context.viewer, info.context.services.clock)
    return SegmentedPatient.of(segmentations.patient(local_key(identifier, "SegmentedPatient")))


def _feedback(info: Info, session: Session, identifier: str) -> Node:
    return Feedback.of(readers_for(session, info).get(local_key(identifier, "Feedback")))


def _triage_answer(info: Info, session: Session, identifier: str) -> Node:
    return TriageAnswer.of(training_for(session, info).get(local_key(identifier, "TriageAnswer")))


Part = TypeVar("Part", models.Recording, models.Annotation, models.CaseRevision)


def _in_visible_case(info: Info, session: Session, row: Part | None) -> Part:
    if row is None:
        raise NotFoundError
    cases_for(session, info.context).get(row.case_id)
    return row


def _ontology(info: Info, session: Session, identifier: str) -> Node:
    return Ontology.of(ontologies_for(session, info.context).get(local_key(identifier, "Ontology")))


def _ontology_version(info: Info, session: Session, identifier: str) -> Node:
    key = local_key(identifier, "OntologyVersion")
    return OntologyVersion.of(ontologies_for(session, info.context).version(key))


def _ontology_fault(info: Info, session: Session, identifier: str) -> Node:
    key = local_key(identifier, "OntologyFault")
    return OntologyFault.of(ontologies_for(session, info.context).fault(key))


def _concept_change(info: Info, session: Session, identifier: str) -> Node:
    key = local_key(identifier, "ConceptChange")
    return ConceptChange.of(ontologies_for(session, info.context).change(key))


KINDS: dict[str, NodeKind] = {
    "Account": NodeKind(Scope.PROFILE, _account),
    "Alert": NodeKind(Scope.ALERTS, _alert),
    "AlertRule": NodeKind(Scope.ALERTS, _alert_rule),
    "Annotation": NodeKind(Scope.CASES_READ, _annotation),
    "Answer": NodeKind(Scope.ATTEMPTS_READ, _answer),
    "ApiToken": NodeKind(Scope.PROFILE, _token),
    "Attempt": NodeKind(Scope.ATTEMPTS_READ, _attempt),
    "AuditEvent": NodeKind(Scope.AUDIT_READ, _audit_event),
    "BeatPrediction": NodeKind(Scope.PREDICTIONS_READ, _prediction),
    "Case": NodeKind(Scope.CASES_READ, _case),
    "CaseRevision": NodeKind(Scope.CASES_READ, _revision),
    "Concept": NodeKind(Scope.CONCEPTS_READ, _concept),
    "ConceptChange": NodeKind(Scope.CONCEPTS_WRITE, _concept_change),
    "Contest": NodeKind(Scope.ATTEMPTS_READ, _contest),
    "Enrolment": NodeKind(Scope.ATTEMPTS_READ, _enrolment),
    "Feedback": NodeKind(Scope.PREDICTIONS_READ, _feedback),
    "HeldPage": NodeKind(Scope.CASES_WRITE, _held_page),
    "Job": NodeKind(None, _job),
    "Model": NodeKind(Scope.MODELS_READ, _model),
    "ModelVersion": NodeKind(Scope.MODELS_READ, _model_version),
    "Ontology": NodeKind(Scope.CONCEPTS_READ, _ontology),
    "OntologyFault": NodeKind(Scope.CONCEPTS_WRITE, _ontology_fault),
    "OntologyVersion": NodeKind(Scope.CONCEPTS_WRITE, _ontology_version),
    "MatcherDisagreement": NodeKind(Scope.DISAGREEMENTS, _disagreement),
    "Recording": NodeKind(Scope.CASES_READ, _recording),
    "SegmentationPrediction": NodeKind(Scope.PREDICTIONS_READ, _prediction),
    "SegmentedPatient": NodeKind(Scope.PREDICTIONS_READ, _segmented_patient),
    "Session": NodeKind(Scope.SESSIONS_READ, _session),
    "TriageAnswer": NodeKind(Scope.ATTEMPTS_READ, _triage_answer),
    "TriagePrediction": NodeKind(Scope.PREDICTIONS_READ, _prediction),
    "TrustedDocument": NodeKind(Scope.PROFILE, _trusted_document),
    "Webhook": NodeKind(Scope.WEBHOOKS, _webhook),
    "WebhookDelivery": NodeKind(Scope.WEBHOOKS, _webhook_delivery),
}
"""Every type that is a Node has its row; a test holds the schema to it."""


@strawberry.type
class NodeQueries:
    """Relay's way to refetch."""

    @query_field(None, "The object with an id; null when there is none the viewer may see.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Any object's id.")],  # noqa: A002
    ) -> Node | None:
        """Return one object."""
        return await _loaded(info, id)

    @query_field(None, "The objects with these ids, in their order; null where the viewer may see none.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 ids.")],
    ) -> list[Node | None]:
        """Return many objects."""
        if len(ids) > MAX_PAGE:
            raise ValidationFailedError.of("ids", "too_many", maximum=MAX_PAGE)
        return list(await asyncio.gather(*(_loaded(info, each) for each in ids)))


async def _loaded(info: Info, identifier: str) -> Node | None:
    viewer, kind = info.context.viewer, KINDS.get(_type_name(identifier))
    if kind is None or (kind.scope is not None and not viewer.may(kind.scope)):
        return None
    try:
        return await info.context.read(lambda session: kind.load(info, session, identifier))
    except NotFoundError:
        return None


def _type_name(identifier: str) -> str:
    """Return the type an opaque id claims to be of; empty when it claims none."""
    try:
        return base64.b64decode(identifier, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""
