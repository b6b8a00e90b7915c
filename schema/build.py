"""Puts the schema together from its features."""

from datetime import date, datetime
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from schema.documents import OWN_REMEMBERED, Documents
from schema.execution import Executor
from schema.mutations.accounts import AccountMutations
from schema.mutations.annotations import AnnotationMutations
from schema.mutations.attempts import AttemptMutations
from schema.mutations.bulk import BulkMutations
from schema.mutations.cases import CaseMutations
from schema.mutations.contests import ContestMutations
from schema.mutations.digitising import DigitisingMutations
from schema.mutations.disagreements import DisagreementMutations
from schema.mutations.enrolments import EnrolmentMutations
from schema.mutations.feedback import FeedbackMutations
from schema.mutations.held_pages import HeldPageMutations
from schema.mutations.models import ModelMutations
from schema.mutations.ontologies import OntologyMutations
from schema.mutations.pacs import PacsMutations
from schema.mutations.predictions import PredictionMutations
from schema.mutations.recording_edits import RecordingEditMutations
from schema.mutations.recordings import RecordingMutations
from schema.mutations.segmentations import SegmentationMutations
from schema.mutations.sessions import SessionMutations
from schema.mutations.tokens import TokenMutations
from schema.mutations.triage import TriageMutations
from schema.mutations.trusted_documents import TrustedDocumentMutations
from schema.mutations.webhooks import WebhookMutations
from schema.queries.accounts import AccountQueries
from schema.queries.attempts import AttemptQueries
from schema.queries.audit import AuditQueries
from schema.queries.cases import CaseQueries
from schema.queries.concepts import ConceptQueries
from schema.queries.contests import ContestQueries
from schema.queries.digitising import DigitisingQueries
from schema.queries.disagreements import DisagreementQueries
from schema.queries.grades import GradeQueries
from schema.queries.held_pages import HeldPageQueries
from schema.queries.jobs import JobQueries
from schema.queries.models import ModelQueries
from schema.queries.monitoring import MonitoringQueries
from schema.queries.nodes import NodeQueries
from schema.queries.ontologies import OntologyQueries
from schema.queries.pacs import PacsQueries
from schema.queries.predictions import PredictionQueries
from schema.queries.recording_edits import RecordingEditQueries
from schema.queries.segmentations import SegmentationQueries
from schema.queries.sessions import SessionQueries
from schema.queries.statistics import StatisticsQueries
from schema.queries.triage import TriageQueries
from schema.queries.webhooks import WebhookQueries
from schema.reading import Reading
from schema.scalars import DATE, DATE_TIME, MEASURED_VALUE, MeasuredValue
from schema.subscriptions.jobs import JobSubscriptions
from schema.subscriptions.monitoring import MonitoringSubscriptions
from schema.subscriptions.sessions import SessionSubscriptions
from schema.subscriptions.statistics import StatisticsSubscriptions

QUERIES = (
    NodeQueries,
    AccountQueries,
    AuditQueries,
    CaseQueries,
    HeldPageQueries,
    ConceptQueries,
    OntologyQueries,
    GradeQueries,
    SessionQueries,
    AttemptQueries,
    ContestQueries,
    JobQueries,
    DigitisingQueries,
    StatisticsQueries,
    MonitoringQueries,
    DisagreementQueries,
    WebhookQueries,
    PredictionQueries,
    RecordingEditQueries,
    ModelQueries,
    TriageQueries,
    PacsQueries,
    SegmentationQueries,
)
MUTATIONS: tuple[type, ...] = (
    AccountMutations,
    TokenMutations,
    TrustedDocumentMutations,
    CaseMutations,
    RecordingMutations,
    RecordingEditMutations,
    HeldPageMutations,
    AnnotationMutations,
    OntologyMutations,
    SessionMutations,
    EnrolmentMutations,
    AttemptMutations,
    ContestMutations,
    DisagreementMutations,
    WebhookMutations,
    BulkMutations,
    DigitisingMutations,
    PredictionMutations,
    ModelMutations,
    FeedbackMutations,
    TriageMutations,
    PacsMutations,
    SegmentationMutations,
)
SUBSCRIPTIONS: tuple[type, ...] = (
    SessionSubscriptions,
    StatisticsSubscriptions,
    JobSubscriptions,
    MonitoringSubscriptions,
)


class Schema(strawberry.Schema):
    """The schema; faults are logged by whoever serves it, never printed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, extensions=[self._reading])
        self.documents = Documents(self._schema)
        self.own_documents = Documents(self._schema, remembered=OWN_REMEMBERED)

    def _reading(self) -> Reading:
        return Reading(self.documents, self.own_documents)


def build_schema() -> Schema:
    """Return the product's whole schema."""
    return Schema(
        query=_root("Query", QUERIES, "What can be asked."),
        mutation=_root("Mutation", MUTATIONS, "What can be changed; each answers with what became of it."),
        subscription=_root("Subscription", SUBSCRIPTIONS, "What can be followed as it happens."),
        execution_context_class=Executor,
        config=StrawberryConfig(
            auto_camel_case=True, scalar_map={date: DATE, datetime: DATE_TIME, MeasuredValue: MEASURED_VALUE}
        ),
    )


def _root(name: str, features: tuple[type, ...], description: str) -> type:
    made = merge_types(name, features)
    made.__strawberry_definition__.description = description  # type: ignore[attr-defined]
    return made
