"""The training of triage, as the API shows it: a patient never says its level, an answer does."""

from datetime import datetime
from enum import StrEnum

import strawberry
from sqlmodel import Session

from ml.triage.patients import Patient, patients
from schema.context import Info
from schema.models.predictions import TriageLevel
from schema.models.triage import TriageAnswer as AnswerRow
from schema.services.triage_training import (
    FEWEST_STUDENTS,
    ClassFigures,
    LevelFigures,
    PatientFigures,
    TrainingFigures,
    TriageTraining,
)
from schema.types.arguments import After, Before, First, Last, page_request
from schema.types.base import Connection, Node, connection, global_id
from schema.types.enums import describe_enum
from schema.types.triage import TriageRule, TriageValue, rule_of


class TriageVerdict(StrEnum):
    """How an answer stands to the expected level."""

    EXACT = "exact"
    OVER_TRIAGE = "over_triage"
    UNDER_TRIAGE = "under_triage"


describe_enum(
    TriageVerdict,
    "TriageVerdict",
    "How an answer stands to the expected level.",
    "The same level.",
    "More urgent than it need be.",
    "Less urgent than it must be.",
)


def training_for(session: Session, info: Info) -> TriageTraining:
    """Return the viewer's way to the training."""
    return TriageTraining(session, info.context.viewer, info.context.services.clock)


@strawberry.type(description="An authored patient to triage, who is not real and does not say the level.")
class TriagePatient:
    """A patient without the key."""

    code: str = strawberry.field(description="Its name, which `answerTriagePatient` takes.")
    vignette: str = strawberry.field(description="The story, in French.")
    motif_consultation: str = strawberry.field(description="Why they come, in French.")
    values: list[TriageValue] = strawberry.field(description="What was measured.")

    @classmethod
    def of(cls, patient: Patient) -> "TriagePatient":
        """Return a patient as it is shown before the answer."""
        return cls(
            code=patient.id,
            vignette=patient.vignette,
            motif_consultation=patient.visit.complaint,
            values=[TriageValue.of(name, value) for name, value in patient.visit.values.items()],
        )


@strawberry.type(description="The level somebody gave a patient, with the key.")
class TriageAnswer(Node):
    """An answer; never altered."""

    row: strawberry.Private[AnswerRow]
    patient_code: str = strawberry.field(description="The patient's name.")
    level: TriageLevel = strawberry.field(description="The level that was given.")
    expected_level: TriageLevel = strawberry.field(description="The level that the scale gives.")
    verdict: TriageVerdict = strawberry.field(description="How the one stands to the other.")
    score: int = strawberry.field(
        description="0 to 100: each level of over-triage costs 20, each of under-triage 40, and letting a "
        "patient of Tri 1 or 2 wait among those of Tri 3 and beyond is worth nothing."
    )
    number: int = strawberry.field(
        description="Counts the answers to the same patient, from 1; only the first counts in figures."
    )
    created_at: datetime = strawberry.field(description="When it was given.")

    @strawberry.field(description="The patient; null where this release has it no more.")
    def patient(self) -> TriagePatient | None:
        """Look it up."""
        found = patients().get(self.row.patient)
        return TriagePatient.of(found) if found else None

    @strawberry.field(description="Why that level, in French; empty where the patient is gone.")
    def explanation(self) -> str:
        """Look it up."""
        found = patients().get(self.row.patient)
        return found.explanation if found else ""

    @strawberry.field(description="The rules of the scale that fire for the patient.")
    def rules(self, info: Info) -> list[TriageRule]:
        """Apply the scale."""
        found = patients().get(self.row.patient)
        return [rule_of(each, info.context) for each in found.ruling().fired] if found else []

    @classmethod
    def of(cls, row: AnswerRow) -> "TriageAnswer":
        """Return the node of a row."""
        level, expected = TriageLevel(row.level), TriageLevel(row.expected)
        steps = level.urgency_over(expected)
        over, under = TriageVerdict.OVER_TRIAGE, TriageVerdict.UNDER_TRIAGE
        return cls(
            id=global_id("TriageAnswer", row.id or 0),
            row=row,
            patient_code=row.patient,
            level=level,
            expected_level=expected,
            verdict=TriageVerdict.EXACT if not steps else over if steps > 0 else under,
            score=row.score,
            number=row.number,
            created_at=row.created_at,
        )


@strawberry.type(description="How one's first answers to patients of a level came out.")
class TriageLevelFigures:
    """Counts by expected level."""

    level: TriageLevel = strawberry.field(description="The level that the scale gives.")
    answered_count: int = strawberry.field(description="How many patients of it were triaged.")
    exact_count: int = strawberry.field(description="How many rightly.")
    over_triage_count: int = strawberry.field(description="How many as more urgent.")
    under_triage_count: int = strawberry.field(description="How many as less urgent.")

    @classmethod
    def of(cls, row: LevelFigures) -> "TriageLevelFigures":
        """Return the counts."""
        return cls(
            level=row.level,
            answered_count=row.answered,
            exact_count=row.exact,
            over_triage_count=row.over,
            under_triage_count=row.under,
        )


@strawberry.type(description="How somebody triages; figures are of their first answer to each patient.")
class TriageTrainingRecord:
    """Figures and history."""

    student_id: strawberry.Private[int | None]
    patient_count: int = strawberry.field(description="How many patients there are.")
    answered_count: int = strawberry.field(description="How many of them were triaged.")
    average_score: float | None = strawberry.field(description="0 to 100; null before the first answer.")
    exact_count: int = strawberry.field(description="How many rightly.")
    over_triage_count: int = strawberry.field(description="How many as more urgent than they are.")
    under_triage_count: int = strawberry.field(description="How many as less urgent than they are.")
    by_level: list[TriageLevelFigures] = strawberry.field(description="The same by expected level.")

    @strawberry.field(description="All answers, newest first.")
    async def answers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TriageAnswer]:
        """Return a page of answers."""
        request = page_request(info, first, after, last, before)
        page = await info.context.read(
            lambda session: training_for(session, info).page(self.student_id, request)
        )
        return connection(page, TriageAnswer.of)

    @classmethod
    def of(cls, figures: TrainingFigures, student_id: int | None) -> "TriageTrainingRecord":
        """Return figures, and the way to the history."""
        return cls(
            student_id=student_id,
            patient_count=len(patients()),
            answered_count=figures.count("answered"),
            average_score=figures.average_score,
            exact_count=figures.count("exact"),
            over_triage_count=figures.count("over"),
            under_triage_count=figures.count("under"),
            by_level=[TriageLevelFigures.of(each) for each in figures.by_level],
        )


@strawberry.type(description="How students' first answers to an authored patient came out.")
class TriagePatientFigures:
    """Counts of one patient; whoever reads them reads the key."""

    patient: TriagePatient = strawberry.field(description="The patient.")
    expected_level: TriageLevel = strawberry.field(description="The level that the scale gives.")
    answered_count: int = strawberry.field(description="How many students triaged it.")
    exact_count: int = strawberry.field(description="How many rightly.")
    over_triage_count: int = strawberry.field(description="How many as more urgent.")
    under_triage_count: int = strawberry.field(description="How many as less urgent.")
    average_score: float = strawberry.field(description="0 to 100.")

    @classmethod
    def of(cls, figures: PatientFigures) -> "TriagePatientFigures":
        """Return the counts."""
        outcome = figures.outcome
        return cls(
            patient=TriagePatient.of(figures.patient),
            expected_level=outcome.level,
            answered_count=outcome.answered,
            exact_count=outcome.exact,
            over_triage_count=outcome.over,
            under_triage_count=outcome.under,
            average_score=figures.average_score,
        )


@strawberry.type(
    description="How students triage, of their first answer to each patient; nobody is named, and a patient "
    f"that fewer than {FEWEST_STUDENTS} of them triaged is left out."
)
class TriageClassFigures:
    """What a teacher takes up with a class."""

    student_count: int = strawberry.field(description="How many students have triaged anybody.")
    by_patient: list[TriagePatientFigures] = strawberry.field(description="The worst score first.")

    @classmethod
    def of(cls, figures: ClassFigures) -> "TriageClassFigures":
        """Return the figures."""
        return cls(
            student_count=figures.students,
            by_patient=[TriagePatientFigures.of(each) for each in figures.by_patient],
        )
