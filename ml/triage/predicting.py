"""One visit to one answer: the scale, the model where there is one, the final level, and its quality."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ml.registry.artefact import Artefact
from ml.registry.manifest import MAX_PARITY
from ml.registry.predictor import LoadError
from ml.triage.complaints import Candidate, match
from ml.triage.conditions import Question, Truth, names, truth
from ml.triage.encoding import see
from ml.triage.examples import EXAMPLES, Example, read_examples
from ml.triage.features import Quality, Visit
from ml.triage.levels import CLASSES, Gravity, Level, gravity
from ml.triage.model import CALIBRATION, MODEL, PREPROCESSOR, ModelError, TriageModel, View
from ml.triage.policy import Combined, Disagreement, Source, combine
from ml.triage.rules import Asked, Ruling, rule
from ml.triage.scale import Delay, Scale, french

_AT_ONCE = 500
NO_CONFIDENCE = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a visit.

    Parameters
    ----------
    level, gravity, delay
        The final level, its colour, and how soon the patient is to be seen.
    source, disagreement
        Who gave it, and whether the model sees it otherwise than the scale.
    confidence
        The model's chance of its likeliest level, 0-1; 0 without a model.
    quality, missing
        How far the answer can be relied on, and what was imputed.
    candidates
        What the complaint's text may state, the best first.
    ruling, view
        What the scale and the model say; no view where the model failed, `error` then says why.
    """

    prediction_id: str
    level: Level
    gravity: Gravity
    delay: Delay
    source: Source
    disagreement: Disagreement | None
    confidence: float
    quality: Quality
    missing: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    ruling: Ruling
    asked: tuple[Asked, ...]
    view: View | None
    error: str | None

    @property
    def model_available(self) -> bool:
        """Whether the model took part."""
        return self.view is not None


class TriagePredictor:
    """Answers visits with the scale and, where it has one, a model; may be asked from several threads.

    Parameters
    ----------
    model
        What took part in training; without one the scale answers alone.
    error
        Why there is none.
    examples
        Visits with what the model is to answer.
    """

    def __init__(
        self, model: TriageModel | None = None, error: str | None = None, examples: Sequence[Example] = ()
    ) -> None:
        self.model = model
        self.error = None if model else error or "no model is loaded"
        self.scale: Scale = french()
        self._examples = examples

    def warm_up(self) -> None:
        """Answer a question of no meaning, so that the first real one is not slower than others."""
        self.predict(Visit({}, "", {}))

    def verify_examples(self) -> float:
        """Hold the model's answers to the examples against those it was packaged with.

        They differ where trees are read otherwise than by XGBoost, or where this code takes something else
        from a visit than the code it was trained with.

        Raises
        ------
        LoadError
            When the largest difference is above `MAX_PARITY`.
        """
        difference = 0.0
        if self.model is not None and self._examples:
            chances = self.model.chances([see(each.visit) for each in self._examples])
            difference = float(np.abs(chances - np.array([each.chances for each in self._examples])).max())
        if not difference <= MAX_PARITY:
            raise LoadError(f"parity fails: {difference:.1e} from the trained model, above {MAX_PARITY:g}")
        return difference

    def predict(self, visit: Visit, complaint: str | None = None) -> Answer:
        """Answer one visit, with the reasons.

        Parameters
        ----------
        complaint
            The row of the scale that a person chose; otherwise the one the text states.
        """
        view, error = None, self.error
        if self.model is not None:
            try:
                view = self.model.view(visit)
            except (ArithmeticError, ModelError, ValueError) as failure:
                error = f"{type(failure).__name__}: {failure}"
        return self._answer(visit, complaint, view, error)

    def predict_many(self, visits: Iterable[Visit]) -> Iterator[Answer]:
        """Answer visits one after the other, without the model's reasons; few are held at once."""
        waiting = iter(visits)
        while chunk := list(islice(waiting, _AT_ONCE)):
            views: Sequence[View | None] = self.model.views(chunk) if self.model else [None] * len(chunk)
            for visit, view in zip(chunk, views, strict=True):
                yield self._answer(visit, None, view, self.error)

    def _answer(self, visit: Visit, complaint: str | None, view: View | None, error: str | None) -> Answer:
        stated = match(visit.complaint)
        ruling = rule(visit, complaint or stated.complaint, self.scale)
        third = truth(self.scale.rule_3a.when, visit.values, visit.answers)
        combined = combine(ruling.level, view.level if view else None, third_is_3a=third is True)
        return Answer(
            str(uuid.uuid4()),
            combined.level,
            gravity(combined.level),
            self.scale.delays[combined.level],
            combined.source,
            combined.disagreement,
            view.confidence if view else NO_CONFIDENCE,
            visit.quality(),
            visit.missing(),
            stated.candidates,
            ruling,
            self._asked(ruling, combined, third),
            view,
            error,
        )

    def _asked(self, ruling: Ruling, combined: Combined, third: Truth) -> tuple[Asked, ...]:
        """Return what is to be asked, with the rule for 3A where only the model makes it a question."""
        if third is not None or combined.level != "3B" or ruling.level == "3B":
            return ruling.asked
        known, third_a = {each.name for each in ruling.asked}, self.scale.rule_3a
        questions = [each.name for each in names(third_a.when) if isinstance(each, Question)]
        return (*ruling.asked, *(Asked(each, (third_a.level,)) for each in questions if each not in known))


def load(artefact: Artefact) -> TriagePredictor:
    """Return the predictor of a verified artefact.

    Raises
    ------
    LoadError
        When its files are no model of triage.
    """
    try:
        examples = read_examples(artefact.read(EXAMPLES))
    except ValueError as error:
        raise LoadError(str(error)) from error
    if not examples or any(len(each.chances) != len(CLASSES) for each in examples):
        raise LoadError(f"{EXAMPLES}: none of {len(CLASSES)} classes")
    return TriagePredictor(model_of(artefact), examples=examples)


def model_of(artefact: Artefact) -> TriageModel:
    """Return the model of a verified artefact.

    Raises
    ------
    LoadError
        When its files are none.
    """
    if artefact.manifest.classes != CLASSES:
        raise LoadError(f"it answers with {', '.join(artefact.manifest.classes)}")
    try:
        return TriageModel.from_files(
            {name: artefact.read(name) for name in (MODEL, PREPROCESSOR, CALIBRATION)}
        )
    except ModelError as error:
        raise LoadError(str(error)) from error
