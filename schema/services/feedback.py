"""What people think of predictions: one row in force for each reader and target, those before it kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from ml.language.masking import Masker
from ml.language.ontology import Ontology
from schema.errors import FieldProblem, NotFoundError, ValidationFailedError
from schema.models.predictions import (
    WHOLE,
    BeatClass,
    Feedback,
    FeedbackType,
    ModelFamily,
    Prediction,
    TriageLevel,
)
from schema.policy import Actor
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.once import FIELD, read_key
from schema.services.passwords import Passwords
from schema.services.predictions import Predictions, kept_beats
from schema.services.text import line, prose

LONGEST_REASON = 1_000
LONGEST_SYMPTOM = 100
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody thinks of a prediction.

    Parameters
    ----------
    target
        The part that it is about, counted from 1; `WHOLE` for the prediction as such.
    corrected
        The class it should have said of beats; None where the opinion does not tell.
    level
        The level it should have given a visit; None where the opinion does not tell.
    missed
        Codes of concepts that it should have found.
    symptoms
        What of a visit it should have weighed, in free text.
    """

    type: FeedbackType
    target: int = WHOLE
    corrected: BeatClass | None = None
    level: TriageLevel | None = None
    reason: str = ""
    missed: Sequence[str] = ()
    symptoms: Sequence[str] = ()


class Readers:
    """One actor's way to feedback: their own on what they may see, and all of it on their cases.

    Parameters
    ----------
    passwords
        Whose key names readers without telling who.
    masker
        Overwrites names in what they write.
    """

    def __init__(
        self, session: Session, actor: Actor, clock: Clock, passwords: Passwords, masker: Masker
    ) -> None:
        self._session = session
        self._actor = actor
        self._clock = clock
        self._masker = masker
        self._reader = passwords.keyed("feedback", str(actor.account_id))
        self._predictions = Predictions(session, actor, clock)

    def get(self, feedback_id: int) -> Feedback:
        """Return feedback that the actor gave, or that was given on a case of theirs."""
        found = self._session.get(Feedback, feedback_id)
        if found is None:
            raise NotFoundError
        family = self._session.get_one(Prediction, found.prediction_id).family
        prediction = self._predictions.get(ModelFamily(family), found.prediction_id)
        if found.account_id != self._actor.account_id and not self._predictions.manages(prediction):
            raise NotFoundError
        return found

    def submit(
        self,
        family: ModelFamily,
        prediction_id: int,
        opinion: Opinion,
        ontology: Ontology,
        idempotency_key: str | None,
    ) -> Feedback:
        """Put an opinion in force; the same one again changes nothing.

        Raises
        ------
        NotFoundError
            When the actor may not see the prediction.
        ValidationFailedError
            For a part that there is not, a correction that is none, a text that is too long, a key that
            was used for another opinion.
        """
        prediction = self._predictions.get(family, prediction_id)
        made = self._row(prediction, opinion, ontology, idempotency_key)
        if made.idempotency_key is not None and (known := self._known(made.idempotency_key)) is not None:
            if _whole(known) != _whole(made):
                raise ValidationFailedError.of(FIELD, "key_used")
            return known
        if (present := put_in_force(self._session, made)) is not None:
            return present
        Audit(self._session, self._clock, self._actor).record(
            "feedback.given",
            "Prediction",
            made.prediction_id,
            target=made.target,
            type=made.type,
            number=made.number,
        )
        return made

    def _known(self, idempotency_key: str) -> Feedback | None:
        same = select(Feedback).where(
            Feedback.reader == self._reader, Feedback.idempotency_key == idempotency_key
        )
        return self._session.exec(same).first()

    def _row(
        self, prediction: Prediction, opinion: Opinion, ontology: Ontology, idempotency_key: str | None
    ) -> Feedback:
        reason, problems = prose(opinion.reason.strip(), "reason", LONGEST_REASON)
        known = WHOLE <= opinion.target <= sum(prediction.counts.values())
        original = _original(prediction, opinion.target) if known else None
        if not known:
            problems.append(FieldProblem(("beat",), "unknown_choice"))
        problems += _faults_of_class(prediction, opinion, original)
        problems += _faults_of_level(prediction, opinion)
        if len(opinion.missed) > MOST_FINDINGS:
            problems.append(FieldProblem(("missedFindings",), "too_many", (("maximum", str(MOST_FINDINGS)),)))
        elif opinion.missed and (
            prediction.family != ModelFamily.BEATS.value
            or not all(code in ontology for code in opinion.missed)
        ):
            problems.append(FieldProblem(("missedFindings",), "unknown_concept"))
        key, bad_key = read_key(idempotency_key)
        problems += bad_key
        symptoms, faults = masked_symptoms(opinion.symptoms, self._masker)
        problems += faults
        if symptoms and not prediction.level:
            problems.append(FieldProblem(("missedSymptoms",), "not_of_a_visit"))
        if problems:
            raise ValidationFailedError(problems)
        return Feedback(
            prediction_id=prediction.id or 0,
            family=prediction.family,
            version_id=prediction.version_id,
            reader=self._reader,
            account_id=self._actor.account_id,
            target=opinion.target,
            type=opinion.type.value,
            original=original,
            corrected_class=opinion.corrected.value if opinion.corrected else None,
            corrected_level=opinion.level.value if opinion.level else None,
            reason=self._masker.mask(reason),
            missed_findings=list(dict.fromkeys(opinion.missed)),
            missed_symptoms=symptoms,
            idempotency_key=key,
            created_at=self._clock(),
        )


def put_in_force(session: Session, made: Feedback) -> Feedback | None:
    """Put an opinion in the place of its reader's one before; return that one instead if it says the same.

    Raises
    ------
    ValidationFailedError
        When its idempotency key was used on something else.
    """
    session.exec(select(Prediction.id).where(Prediction.id == made.prediction_id).with_for_update()).one()
    present = session.exec(
        select(Feedback).where(
            Feedback.prediction_id == made.prediction_id,
            Feedback.reader == made.reader,
            Feedback.target == made.target,
            col(Feedback.current),
        )
    ).first()
    if present is not None:
        if _said(present) == _said(made):
            return present
        present.current, made.number = False, present.number + 1
        session.flush()
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:  # the same key was used at the same moment, on something else
        raise ValidationFailedError.of(FIELD, "key_used") from None
    return None


def masked_symptoms(given: Sequence[str], masker: Masker) -> tuple[list[str], list[FieldProblem]]:
    """Return what of a visit was missed, without names and without what is said twice, and what is wrong."""
    if len(given) > MOST_FINDINGS:
        return [], [FieldProblem(("missedSymptoms",), "too_many", (("maximum", str(MOST_FINDINGS)),))]
    symptoms, problems = dict[str, None](), list[FieldProblem]()
    for each in given:
        tidy, faults = line(each, "missedSymptoms", LONGEST_SYMPTOM)
        symptoms[masker.mask(tidy)] = None
        problems += faults
    return list(symptoms), problems


def _said(row: Feedback) -> tuple[object, ...]:
    corrected = row.corrected_class, row.corrected_level
    return row.type, *corrected, row.reason, row.missed_findings, row.missed_symptoms


def _whole(row: Feedback) -> tuple[object, ...]:
    return row.prediction_id, row.target, *_said(row)


def _original(prediction: Prediction, target: int) -> str | None:
    """Return what a prediction says of a part, or of a visit; None of a whole recording."""
    if target == WHOLE or prediction.answer is None:
        return prediction.level
    kept = kept_beats(prediction.answer)
    return kept.classes[int(kept.labels[target - 1])]


def _faults_of_class(prediction: Prediction, opinion: Opinion, original: str | None) -> list[FieldProblem]:
    """Return what is wrong with the class: nothing is less urgent than a normal beat, of the others none.

    The class that the model gave corrects nothing, and would be counted as if the beat were confirmed.
    """
    if opinion.corrected is None:
        return []
    if opinion.corrected.value not in prediction.counts:
        return [FieldProblem(("correctedClass",), "unknown_choice")]
    if opinion.type is FeedbackType.CORRECT:
        return [FieldProblem(("correctedClass",), "correct_needs_no_class")]
    if opinion.corrected.value == original:
        return [FieldProblem(("correctedClass",), "same_class")]
    if opinion.type is FeedbackType.UPGRADE and opinion.corrected is BeatClass.NORMAL:
        return [FieldProblem(("correctedClass",), "upgrade_to_normal")]
    return []


def _faults_of_level(prediction: Prediction, opinion: Opinion) -> list[FieldProblem]:
    """Return what is wrong with the level: moved up it is more urgent, down less, otherwise none."""
    moved = opinion.type in {FeedbackType.UPGRADE, FeedbackType.DOWNGRADE}
    if prediction.level is None:
        return [FieldProblem(("correctedLevel",), "unknown_choice")] if opinion.level else []
    if opinion.level is None:
        return [FieldProblem(("correctedLevel",), "required")] if moved else []
    steps = opinion.level.urgency_over(TriageLevel(prediction.level))
    moved_by = "disagree_more_urgent" if steps > 0 else "disagree_less_urgent"
    wrong = {
        FeedbackType.CORRECT: (True, "correct_needs_no_level"),
        FeedbackType.UPGRADE: (steps <= 0, "upgrade_not_more_urgent"),
        FeedbackType.DOWNGRADE: (steps >= 0, "downgrade_not_less_urgent"),
        FeedbackType.DISAGREE: (True, moved_by if steps else "same_level"),
    }
    faulty, code = wrong[opinion.type]
    return [FieldProblem(("correctedLevel",), code)] if faulty else []
