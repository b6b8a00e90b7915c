"""The demo's past: five weeks in which the champions were asked about visits and recordings.

Nothing of it is anybody's: the visits are those of the authored patients and others drawn about them, the
recordings are made, beside the one real ECG. What is said of them is what the very versions answer that come
with the program; opinions tell where that is not the authored level, or not what each beat was made to be.
Predictions and opinions are dated back, the trail is not: it says when they were written.
"""

import io
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from ml.triage.features import BY_NAME
from ml.triage.patients import Patient, patients
from schema.context import Services
from schema.models.cases import CaseCategory, Difficulty
from schema.models.models import ModelAlias
from schema.models.predictions import BeatClass, FeedbackType, ModelFamily, Prediction, TriageLevel
from schema.policy import Actor, Role
from schema.services.cases import Cases
from schema.services.day_books import Tally, correct, enter, key_of
from schema.services.deployments import NoAnswerError
from schema.services.feedback import Opinion, Readers
from schema.services.intake import StoredFile
from schema.services.jobs import Again, Claim, checkpoint, held
from schema.services.predictions import Asked, Outcome, Predictions, kept_beats
from schema.services.recordings import Recordings
from schema.services.revisions import recordings_of
from schema.services.routing import Routed
from schema.services.triage import AskedVisit, SentVisit, TriageOutcome, read_visit

if TYPE_CHECKING:
    from ml.beats.synthetic import Made

PAST_JOB = "demo_past"
WAIT = timedelta(seconds=1)
"""How long until it is looked again whether the champions answer: the worker takes them up first."""
SEED = 7
DAYS = 35
VISITS_A_DAY = (3, 7)
RECORDINGS = 16
BEATS = 40
CHECKED = 5
"""Beats of a recording that somebody gives an opinion on."""
WEEK = 7
CASE_NAME = "Tracés fabriqués pour la démonstration"
CASE_DESCRIPTION = "Enregistrements faits par un programme, d'aucun patient : il n'y a rien à en apprendre."

_SPREADS = {
    "age": 6,
    "frequence_cardiaque": 7,
    "pression_systolique": 8,
    "pression_diastolique": 5,
    "frequence_respiratoire": 1.5,
    "temperature": 0.2,
    "saturation_oxygene": 0.8,
}
"""Standard deviations of a drawn visit's measures about its patient's."""
_WEIGHTS = {"1": 1, "2": 3, "3A": 4, "3B": 6, "4": 6, "5": 4}
"""How often patients of a level come."""
_AUTHORED, _MEASURED, _TOLD = 0.4, 0.9, 0.7
"""Shares: of visits that are an authored patient's own, of a drawn visit's measures that are there, of what
has a known answer that somebody gave an opinion on."""
_TOLERANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class _Visit:
    """What came of asking about a visit; `patient` is whose very visit it is, if anybody's."""

    at: datetime
    asked: AskedVisit
    outcome: TriageOutcome
    patient: Patient | None


@dataclass(frozen=True, slots=True)
class _Recording:
    """What came of asking about a made recording."""

    made: "Made"
    page: StoredFile
    outcome: Outcome


class DemoPast:
    """Does the job; it keeps its own transactions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def work(self, claim: Claim, progress: Callable[[float], None]) -> dict[str, Any] | Again:
        """Ask about all of it, then keep it at once; wait while the champions do not answer yet."""
        services = self._services
        if claim.checkpoint is not None:
            return {}
        try:
            for family in (ModelFamily.TRIAGE, ModelFamily.BEATS):
                services.deployments.serving(family, ModelAlias.CHAMPION.value, 0)
        except NoAnswerError:
            return Again(lambda _session: services.clock() + WAIT)
        clinician, expert, teacher = (
            Actor(claim.payload[role], role) for role in (Role.CLINICIAN, Role.EXPERT, Role.TEACHER)
        )
        chance, until = random.Random(SEED), services.clock()  # noqa: S311 - the same again, no secret
        visits = list(self._visits(chance, until))
        progress(0.2)
        recordings = [self._recording(expert, number) for number in range(RECORDINGS)]
        weekly = list(self._weekly(teacher, claim.payload["case"]))
        progress(0.8)
        with services.database.write() as session:
            job, past = held(session, claim), _Past(session, services, chance, until)
            past.keep_visits(clinician, visits)
            past.keep_recordings(expert, recordings)
            past.keep_weekly(teacher, weekly)
            checkpoint(session, services.clock, job, {"kept": True}, 1.0)
        return {}

    def _visits(self, chance: random.Random, until: datetime) -> Iterator[_Visit]:
        """Yield visits, the earliest first: each patient's own at most once, and others drawn about them."""
        known = list(patients().values())
        weights = [_WEIGHTS[each.level] for each in known]
        own = chance.sample(known, len(known))
        masker = self._services.shelf.current.masker
        for day in range(DAYS, 0, -1):
            for at in _moments(chance, until, day, chance.randint(*VISITS_A_DAY)):
                patient = own.pop() if own and chance.random() < _AUTHORED else None
                sent = _own(patient) if patient else _drawn(chance, chance.choices(known, weights)[0])
                asked = read_visit(sent, masker)
                yield _Visit(at, asked, self._services.triage.answer(asked, ModelAlias.CHAMPION), patient)

    def _recording(self, owner: Actor, number: int) -> _Recording:
        """Make a recording, of which every third is a noisy one, and ask about it."""
        import numpy as np  # noqa: PLC0415 - in the one process that makes a demo

        from ml.beats.synthetic import make  # noqa: PLC0415 - the same

        generator = np.random.default_rng([SEED, number])
        made = make("N", BEATS, generator)
        if number % 3 == 2:
            made.samples[:] += generator.normal(0, 0.15, made.samples.shape)
        pages = self._services.intake.take(owner.account_id, io.BytesIO(_zipped(made)))
        [page] = [each for each in pages if isinstance(each, StoredFile)]  # a signal is never held
        asked = Asked(0, 0, page.original_key)
        return _Recording(made, page, self._services.asking.beats(asked, ModelAlias.CHAMPION))

    def _weekly(self, owner: Actor, case_id: int) -> Iterator[tuple[Asked, Outcome]]:
        """Ask about the real ECG of a case, once for each week."""
        with self._services.database.read() as session:
            predictions = Predictions(session, owner, self._services.clock)
            real = [predictions.to_ask(each.id or 0) for each in recordings_of(session, case_id)]
        for asked in real * (DAYS // WEEK):
            yield asked, self._services.asking.beats(asked, ModelAlias.CHAMPION)


class _Past:
    """Keeps what came of asking, dated back, in one transaction."""

    def __init__(self, session: Session, services: Services, chance: random.Random, until: datetime) -> None:
        self._session = session
        self._services = services
        self._chance = chance
        self._until = until

    def keep_visits(self, asking: Actor, visits: Sequence[_Visit]) -> None:
        """Keep visits, and what an authored level says of some of the answers."""
        for each in visits:
            routed = Routed(ModelAlias.CHAMPION, each.outcome)
            made = self._predictions(asking).keep_visit(each.asked, routed)
            self._date(made, each.at)
            if each.patient is not None and self._chance.random() < _TOLD:
                self._tell(asking, made, _of_level(made, each.patient))

    def keep_recordings(self, asking: Actor, recordings: Sequence[_Recording]) -> None:
        """Keep recordings in a draft of their own, and how some answers differ from what was made."""
        cases = Cases(self._session, asking, self._services.clock, self._services.ontology)
        case = cases.create(CASE_NAME, CaseCategory.OTHER, Difficulty.BEGINNER, CASE_DESCRIPTION)
        for number, each in enumerate(recordings):
            Recordings(self._session, cases, self._services.clock).add(case.id or 0, [each.page])
            kept = recordings_of(self._session, case.id or 0)[-1]
            made = self._keep(asking, kept.id or 0, each.outcome)
            day = DAYS - number * DAYS // len(recordings)
            self._date(made, next(_moments(self._chance, self._until, day, 1)))
            if self._chance.random() < _TOLD:
                for opinion in _of_beats(self._chance, made, each.made):
                    self._tell(asking, made, opinion)

    def keep_weekly(self, asking: Actor, answers: Sequence[tuple[Asked, Outcome]]) -> None:
        """Keep answers of week after week."""
        for week, (asked, outcome) in enumerate(answers):
            made = self._keep(asking, asked.recording_id, outcome)
            self._date(made, next(_moments(self._chance, self._until, DAYS - week * WEEK, 1)))

    def _keep(self, asking: Actor, recording_id: int, outcome: Outcome) -> Prediction:
        predictions = self._predictions(asking)
        return predictions.keep(predictions.to_ask(recording_id), Routed(ModelAlias.CHAMPION, outcome))

    def _predictions(self, asking: Actor) -> Predictions:
        return Predictions(self._session, asking, self._services.clock)

    def _date(self, made: Prediction, at: datetime) -> None:
        """Move a prediction to another day, of what is summed up by day too."""
        correct(self._session, key_of(made), Tally() - Tally.of(made))
        made.created_at = at
        enter(self._session, made)

    def _tell(self, reader: Actor, made: Prediction, opinion: Opinion) -> None:
        services = self._services
        masker = services.shelf.current.masker
        readers = Readers(self._session, reader, services.clock, services.passwords, masker)
        given = readers.submit(ModelFamily(made.family), made.id or 0, opinion, services.ontology, None)
        given.created_at = made.created_at + timedelta(minutes=20)


def _moments(chance: random.Random, until: datetime, day: int, count: int) -> Iterator[datetime]:
    """Yield moments in order, of a day that ended so many days before the last moment."""
    first = until - timedelta(days=day)
    yield from sorted(first + timedelta(minutes=chance.uniform(0, 23 * 60)) for _ in range(count))


def _own(patient: Patient) -> SentVisit:
    """Return a patient's visit as a nurse would send it who asked everything."""
    return SentVisit(
        _values(patient), patient.visit.complaint, patient.complaint, list(patient.visit.answers.items())
    )


def _drawn(chance: random.Random, patient: Patient) -> SentVisit:
    """Return a visit like a patient's, by its words and by what was measured of it."""
    values = _values(patient)
    for name, spread in _SPREADS.items():
        if name in values:
            low, high = BY_NAME[name].low, BY_NAME[name].high
            varied = round(chance.gauss(float(values[name]), spread), 1 if name == "temperature" else 0)
            values[name] = min(max(varied, low), high)
    kept = {
        name: value
        for name, value in values.items()
        if name in {"age", "sexe"} or chance.random() < _MEASURED
    }
    if kept.get("pression_systolique", 0) <= kept.get("pression_diastolique", 0):
        kept.pop("pression_diastolique", None)
    return SentVisit(kept, patient.visit.complaint, None, [])


def _values(patient: Patient) -> dict[str, Any]:
    """Return what was measured of a patient, as it is sent."""
    return {**patient.visit.values, "sexe": "F" if patient.visit.values["sexe"] else "M"}


def _of_level(made: Prediction, patient: Patient) -> Opinion:
    """Return what a patient's level says of an answer."""
    level = TriageLevel(patient.level)
    steps = level.urgency_over(TriageLevel(made.level or patient.level))
    if not steps:
        return Opinion(FeedbackType.CORRECT)
    moved = FeedbackType.UPGRADE if steps > 0 else FeedbackType.DOWNGRADE
    return Opinion(moved, level=level, reason=patient.explanation)


def _of_beats(chance: random.Random, made: Prediction, truth: "Made") -> Iterator[Opinion]:
    """Yield what the making of a recording says of some beats of an answer."""
    from ml.beats.classes import PRODUCT_CODES  # noqa: PLC0415 - in the one process that makes a demo

    if made.answer is None:
        return
    kept = kept_beats(made.answer)
    for index in sorted(chance.sample(range(len(kept)), min(CHECKED, len(kept)))):
        away = abs(truth.peaks - kept.positions[index])
        meant = PRODUCT_CODES[truth.symbols[away.argmin()]]
        if away.min() > _TOLERANCE_S * kept.sampling_rate_hz:  # no beat was made there
            continue
        if meant == kept.classes[kept.labels[index]]:
            yield Opinion(FeedbackType.CORRECT, target=index + 1)
        else:
            yield Opinion(FeedbackType.DISAGREE, target=index + 1, corrected=BeatClass(meant))


def _zipped(made: "Made") -> bytes:
    """Return a made recording as a WFDB record in a zip."""
    from ml.beats.segments import RATE_HZ  # noqa: PLC0415 - in the one process that makes a demo
    from ml.beats.synthetic import LEADS  # noqa: PLC0415 - the same

    counts = (made.samples * 200).round().astype("<i2")
    header = [f"made {len(LEADS)} {RATE_HZ:g} {len(counts)}"]
    for lead, column in zip(LEADS, counts.T, strict=True):
        header.append(f"made.dat 16 200/mV 16 0 {column[0]} {int(column.sum()) % 65536} 0 {lead}")
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("made.hea", "\n".join(header))
        archive.writestr("made.dat", counts.tobytes())
    return output.getvalue()
