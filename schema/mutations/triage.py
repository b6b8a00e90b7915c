"""Asking how soon a patient is to be seen, and training it."""

from typing import Annotated

import strawberry
from anyio import to_thread

from ml.triage.features import BY_NAME
from schema.context import Info
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily, TriageLevel
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.scalars import MeasuredValue
from schema.services.predictions import Predictions
from schema.services.triage import SentVisit, read_visit
from schema.types.base import local_key
from schema.types.triage import Sex, TriagePrediction
from schema.types.triage_training import TriageAnswer, training_for


@strawberry.input(description="What is known about a question of the scale.")
class TriageReplyInput:
    """A question and its answer."""

    question: str = strawberry.field(description="The question's name, as `TriageQuestion.code` tells it.")
    holds: bool | None = strawberry.field(
        default=None, description="Whether it holds; null where nobody knows, which changes nothing."
    )


@strawberry.input(
    description="A patient at triage. What is left out is missing, and said to be. Names do not belong here."
)
class PredictTriageInput:
    """The canonical features, by the names of the field in French."""

    age: MeasuredValue | None = strawberry.field(default=None, description="In years, 0 to 120; required.")
    sexe: Sex | None = strawberry.field(default=None, description="Required.")
    frequence_cardiaque: MeasuredValue | None = strawberry.field(
        default=None, description="Heart rate, 20 to 300/min; required."
    )
    pression_systolique: MeasuredValue | None = strawberry.field(
        default=None, description="Systolic blood pressure, 30 to 300 mmHg; required."
    )
    pression_diastolique: MeasuredValue | None = strawberry.field(
        default=None, description="Diastolic blood pressure, 20 to 200 mmHg, below the systolic; required."
    )
    frequence_respiratoire: MeasuredValue | None = strawberry.field(
        default=None, description="Breathing rate, 4 to 90/min; required."
    )
    temperature: MeasuredValue | None = strawberry.field(default=None, description="20 to 44 °C; required.")
    saturation_oxygene: MeasuredValue | None = strawberry.field(
        default=None, description="Oxygen saturation, 40 to 100 %; required."
    )
    echelle_douleur: MeasuredValue | None = strawberry.field(
        default=None, description="Pain scale, 0 to 10; important."
    )
    glasgow: MeasuredValue | None = strawberry.field(
        default=None, description="Glasgow score, 3 to 15; important."
    )
    glycemie: MeasuredValue | None = strawberry.field(
        default=None, description="Blood sugar, 0.1 to 15 g/l; optional."
    )
    motif_consultation: str = strawberry.field(
        default="",
        description="Why they come, in free text, at most 1,000 characters; names in it are overwritten.",
    )
    complaint: str | None = strawberry.field(
        default=None,
        description="The scale's complaint, where a person chose it, as `TriageComplaint.code` tells it; "
        "otherwise the one that the text states.",
    )
    answers: list[TriageReplyInput] = strawberry.field(
        default_factory=list, description="What is known about the scale's questions."
    )
    alias: ModelAlias = strawberry.field(default=ModelAlias.CHAMPION, description="Which model to ask.")

    def sent(self) -> SentVisit:
        """Return it as the domain reads it."""
        values: dict[str, object] = {name: getattr(self, name) for name in BY_NAME}
        values["sexe"] = self.sexe.value if self.sexe else None
        answers = [(each.question, each.holds) for each in self.answers]
        return SentVisit(values, self.motif_consultation, self.complaint, answers)


PredictTriageResult = Annotated[
    TriagePrediction | Refusal,
    strawberry.union("PredictTriageResult", description="The prediction, or what cannot be read."),
]


@strawberry.input(description="The level to give an authored patient.")
class AnswerTriagePatientInput:
    """An answer of the training."""

    patient: str = strawberry.field(description="The patient, as `TriagePatient.code` tells it.")
    level: TriageLevel = strawberry.field(description="How soon the patient is to be seen.")
    student_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The account of a participant, for the outside system that enrolled them; the viewer's "
        "own when left out.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="At most 100 characters; sent again under its key, it changes nothing."
    )


AnswerTriagePatientResult = Annotated[
    TriageAnswer | Refusal,
    strawberry.union("AnswerTriagePatientResult", description="The answer with the key, or why not."),
]


@strawberry.type
class TriageMutations:
    """Asking, and training."""

    @mutation_field(
        Scope.TRIAGE,
        "Says how soon a patient is to be seen, and keeps it: by the scale alone where no model answers.",
    )
    async def predict_triage(self, info: Info, input: PredictTriageInput) -> PredictTriageResult:  # noqa: A002
        """Read what was sent, answer outside any transaction, keep it."""
        context = info.context
        services, viewer = context.services, context.viewer
        french_numbers = context.language != "en"
        asked = read_visit(input.sent(), services.shelf.current.masker, french_numbers=french_numbers)
        subject = asked.subject(viewer.account_id, services.clock().date())
        routed = await to_thread.run_sync(
            lambda: services.router.ask(
                ModelFamily.TRIAGE, input.alias, subject, lambda alias: services.triage.answer(asked, alias)
            )
        )
        made = await context.write(
            lambda session: Predictions(session, viewer, services.clock).keep_visit(asked, routed)
        )
        return TriagePrediction.of(made)

    @mutation_field(Scope.ATTEMPTS_WRITE, "Gives an authored patient a level, and tells what it is worth.")
    async def answer_triage_patient(
        self,
        info: Info,
        input: AnswerTriagePatientInput,  # noqa: A002
    ) -> AnswerTriagePatientResult:
        """Keep the answer."""
        student_id = local_key(input.student_id, "Account") if input.student_id is not None else None
        kept = await info.context.write(
            lambda session: training_for(session, info).answer(
                input.patient, input.level, student_id, input.idempotency_key
            )
        )
        return TriageAnswer.of(kept)
