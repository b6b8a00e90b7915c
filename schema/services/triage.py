"""Visits to triage: read from what is sent, made pseudonymous, answered by the scale and the model."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import orjson

from ml.language.masking import Masker
from ml.triage.features import COMPLAINT, LONGEST_COMPLAINT, FieldError, Visit, read
from ml.triage.scale import french
from schema.errors import FieldProblem, ValidationFailedError
from schema.models.models import ModelAlias
from schema.models.predictions import ModelFamily, ModelProblem
from schema.services.deployments import Deployments, NoAnswerError
from schema.services.text import prose

if TYPE_CHECKING:
    from ml.monitoring.reference import Row as WatchedRow
    from ml.triage.predicting import Answer, TriagePredictor

PATIENCE_S = 2.0
"""How long whoever asks waits for a model that is being loaded: without it the scale answers."""
MOST_ANSWERS = 200
MOST_CANDIDATES = 5
AGES = (0, 2, 18, 65, 80)
"""Where the groups of ages begin that figures are told of, in years."""
_NAMED = {
    "not_a_number": ("text",),
    "not_whole": ("value",),
    "out_of_range": ("value", "minimum", "maximum", "unit"),
    "other_unit": ("value", "other", "unit", "converted"),
    "not_below": ("value", "systolic"),
    "too_long": ("maximum",),
}
"""What the values of an error are called where it is worded, by its code."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SentVisit:
    """What somebody sent of a visit.

    Parameters
    ----------
    values
        By name of feature, as they were written.
    complaint
        Why the patient comes, in free text.
    chosen
        The scale's complaint, where a person chose it.
    answers
        Questions of the scale with what is known; None where nobody knows.
    """

    values: Mapping[str, object]
    complaint: str
    chosen: str | None
    answers: Sequence[tuple[str, bool | None]]


@dataclass(frozen=True, slots=True)
class AskedVisit:
    """A visit that can be answered, and kept: no name is left in it."""

    visit: Visit
    chosen: str | None

    def document(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "values": dict(self.visit.values),
            "complaint": self.visit.complaint,
            "answers": dict(self.visit.answers),
            "chosen": self.chosen,
        }

    def digest(self) -> str:
        """Return the SHA-256 of what is kept."""
        return hashlib.sha256(orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def subject(self, asked_by: int, day: date) -> str:
        """Return what stays of a visit while more becomes known of it: who asked, when, and about whom.

        Never kept: an A/B test hashes it.
        """
        values = self.visit.values
        return f"visit {asked_by} {day} {values.get('age')} {values.get('sexe')} {self.visit.complaint}"


@dataclass(frozen=True, slots=True)
class TriageOutcome:
    """What came of asking.

    Parameters
    ----------
    digest
        Of the version that was asked; None where none answers.
    problem
        Why the model took no part; the answer is the scale's alone then.
    watched
        What of the visit and the answer is held against what the version learnt from.
    """

    latency_ms: int
    answer: "Answer"
    digest: str | None = None
    problem: ModelProblem | None = None
    watched: "WatchedRow | None" = None


def path_of(name: str) -> str:
    """Return what the API calls a feature."""
    first, *rest = name.split("_")
    return first + "".join(each.title() for each in rest)


def read_visit(sent: SentVisit, masker: Masker, *, french_numbers: bool = False) -> AskedVisit:
    """Read a visit; whatever names its complaint holds are overwritten.

    Parameters
    ----------
    french_numbers
        Whether numbers in messages have a decimal comma.

    Raises
    ------
    ValidationFailedError
        With every field that cannot be read, each beside its name.
    """
    complaint, problems = prose(sent.complaint, path_of(COMPLAINT), LONGEST_COMPLAINT)
    told = "" if problems else masker.mask(" ".join(complaint.split()))
    reading = read({**sent.values, COMPLAINT: told})
    problems += [_problem(each, french_numbers=french_numbers) for each in reading.errors]
    scale = french()
    if sent.chosen is not None and sent.chosen not in scale.complaints:
        problems.append(FieldProblem(("complaint",), "unknown_choice"))
    if len(sent.answers) > MOST_ANSWERS:
        problems.append(FieldProblem(("answers",), "too_many", (("maximum", str(MOST_ANSWERS)),)))
    problems += [
        FieldProblem(("answers", str(place), "question"), "unknown_choice")
        for place, (question, _) in enumerate(sent.answers[:MOST_ANSWERS])
        if question not in scale.questions
    ]
    if problems:
        raise ValidationFailedError(problems)
    answers = {question: holds for question, holds in sent.answers if holds is not None}
    return AskedVisit(Visit(reading.visit.values, reading.visit.complaint, answers), sent.chosen)


def _problem(error: FieldError, *, french_numbers: bool) -> FieldProblem:
    shown = [each.replace(".", ",") if french_numbers else each for each in error.values]
    values = tuple(zip(_NAMED[error.code], shown, strict=True))
    return FieldProblem((path_of(error.field),), error.code, values)


class TriageDesk:
    """Answers visits with the scale and, where one is deployed, the model. In a thread; never fails."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def answer(self, asked: AskedVisit, alias: ModelAlias) -> TriageOutcome:
        """Return what is to be done with a visit; the scale answers alone where no model does."""
        began = time.perf_counter()
        digest: str | None = None
        problem: ModelProblem | None = None
        predictor = _scale_alone()
        try:
            loaded = self._deployments.serving(ModelFamily.TRIAGE, alias.value, PATIENCE_S)
        except NoAnswerError as error:
            problem = error.problem
        else:
            predictor, digest = cast("TriagePredictor", loaded.predictor), loaded.deployed.digest
        try:
            answer = predictor.predict(asked.visit, asked.chosen)
        except Exception:
            log.exception("the model of triage failed")
            answer = _scale_alone().predict(asked.visit, asked.chosen)
        if digest is not None and answer.view is None:
            problem = ModelProblem.ANSWER_FAILED
        latency_ms = round((time.perf_counter() - began) * 1000)
        return TriageOutcome(latency_ms, answer, digest, problem, _watched(asked.visit, answer))


def _watched(visit: Visit, answer: "Answer") -> "WatchedRow | None":
    """Return what is watched of a visit; None where no model answered."""
    from ml.triage.monitored import row  # noqa: PLC0415 - NumPy, with the first visit

    complaint = answer.ruling.complaint
    return None if answer.view is None else row(visit, complaint.id if complaint else None, answer.view)


def slices_of(visit: Visit) -> list[str]:
    """Return the groups that a visit belongs to: by sex, and by age from a limit on."""
    sex, age = visit.values.get("sexe"), visit.values.get("age")
    groups = [] if sex is None else [f"sex:{'F' if sex else 'M'}"]
    if age is not None:
        groups.append(f"age:{max(limit for limit in AGES if limit <= age)}")
    return groups


def _scale_alone() -> "TriagePredictor":
    from ml.triage.predicting import TriagePredictor  # noqa: PLC0415 - NumPy, with the first visit

    return TriagePredictor()


def pack(answer: "Answer", asked: AskedVisit) -> bytes:
    """Return the whole of an answer as it is kept; rules in the words they had when they fired."""
    imputed, view = asked.visit.imputed(), answer.view
    return orjson.dumps(
        {
            "source": answer.source,
            "disagreement": answer.disagreement,
            "confidence": answer.confidence,
            "missing": list(answer.missing),
            "imputed": {name: imputed[name] for name in answer.missing if name in imputed},
            "scaleLevel": answer.ruling.level,
            "complaint": answer.ruling.complaint.id if answer.ruling.complaint else None,
            "candidates": [each.complaint for each in answer.candidates[:MOST_CANDIDATES]],
            "rules": [asdict(each) for each in answer.ruling.fired],
            "asked": [asdict(each) for each in answer.asked],
            "model": None
            if view is None
            else {
                "level": view.level,
                "likeliest": view.likeliest,
                "chances": view.chances,
                "set": view.levels,
                "reasons": [[each.feature, each.moved] for each in view.reasons],
                "base": view.base,
            },
        }
    )
