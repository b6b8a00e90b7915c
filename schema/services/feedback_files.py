"""Feedback on triage as lines of JSON, in the form of the first proof of concept, sent in and written out.

A line has `prediction_id, nurse_id, original_gravity, feedback_type, corrected_gravity, reason,
missed_symptoms` and `patient_features`. What we write has `original_level` and `corrected_level` besides:
a colour does not tell 3A from 3B.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any

import orjson
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from ml.language.masking import Masker
from ml.triage.features import BY_NAME, COMPLAINT
from ml.triage.levels import Gravity, gravity, read_gravity
from schema.database import Database
from schema.errors import NotFoundError, ValidationFailedError
from schema.models.predictions import (
    Feedback,
    FeedbackType,
    ImportedFeedback,
    ModelFamily,
    Prediction,
    TriageLevel,
)
from schema.policy import Actor
from schema.scalars import global_id, local_key
from schema.services.audit import Audit
from schema.services.clock import Clock
from schema.services.feedback import LONGEST_REASON, masked_symptoms, put_in_force
from schema.services.participant_files import LineFault
from schema.services.passwords import Passwords
from schema.services.text import line, prose
from schema.services.triage import SentVisit, read_visit

TOGETHER = 50
"""Lines of one transaction: others never wait for long."""
SHOWN_FAULTS = 100
MAX_FILE_BYTES = 1_000_000
MOST_LINES = 5_000
"""Of a file that is sent; the command reads any."""
LONGEST_LINE = 20_000
LONGEST_NAME = 200
LEVEL_OF: Mapping[Gravity, TriageLevel] = {
    "ROUGE": TriageLevel.TRI_1,
    "ORANGE": TriageLevel.TRI_2,
    "JAUNE": TriageLevel.TRI_3B,
    "VERT": TriageLevel.TRI_4,
}
"""What a colour stands for where no level is told: what the scale gives whoever nothing more is known of."""
MOVES = {FeedbackType.UPGRADE: 1, FeedbackType.DOWNGRADE: -1}
PREDICTION = "TriagePrediction"


@dataclass
class FeedbackTally:
    """What came of an import.

    Parameters
    ----------
    stored
        Opinions on predictions of this site.
    kept
        Opinions on predictions of another program, to learn from.
    unchanged
        Lines that were known.
    """

    lines: int = 0
    stored: int = 0
    kept: int = 0
    unchanged: int = 0
    fault_count: int = 0
    faults: list[LineFault] = field(default_factory=list)

    def add(self, fault: LineFault) -> None:
        """Count a fault, and keep it while there are few."""
        self.fault_count += 1
        if len(self.faults) < SHOWN_FAULTS:
            self.faults.append(fault)


@dataclass
class _Run:
    """An import under way.

    Parameters
    ----------
    heard
        How far along what a reader has said of a prediction its lines have come.
    """

    actor: Actor
    tally: FeedbackTally = field(default_factory=FeedbackTally)
    heard: dict[tuple[int, str], int] = field(default_factory=dict)


class _FaultyError(Exception):
    """One line cannot be taken."""

    def __init__(self, column: str, code: str, **values: object) -> None:
        self.column, self.code = column, code
        self.values = {name: str(value) for name, value in values.items()}


@dataclass(frozen=True)
class _Opinion:
    """What a line says, checked and without names."""

    reference: str
    reader: str
    original: TriageLevel
    type: FeedbackType
    corrected: TriageLevel | None
    reason: str
    symptoms: list[str]
    features: Mapping[str, Any]


def read_lines(upload: IO[bytes]) -> list[bytes]:
    """Return the lines of a file that somebody sent; raises ValidationFailedError where it has too many."""
    octets = upload.read(MAX_FILE_BYTES + 1)
    if len(octets) > MAX_FILE_BYTES:
        raise ValidationFailedError.of("file", "file_too_large_text", kilobytes=MAX_FILE_BYTES // 1000)
    lines = octets.removeprefix(b"\xef\xbb\xbf").splitlines()
    if len(lines) > MOST_LINES:
        raise ValidationFailedError.of("file", "too_many_lines", maximum=MOST_LINES)
    return lines


class FeedbackImports:
    """Takes lines in. It keeps its own transactions; the same lines again change nothing.

    Parameters
    ----------
    passwords
        Whose key hides who gave it: `nurse_id` is kept nowhere.
    """

    def __init__(self, database: Database, clock: Clock, passwords: Passwords, masker: Masker) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._masker = masker

    def work(self, actor: Actor, lines: Iterable[bytes]) -> FeedbackTally:
        """Take what can be, a few lines at a time, for an actor who may see all predictions."""
        run = _Run(actor)
        tally = run.tally
        numbered = enumerate(lines, start=1)
        while some := list(islice(numbered, TOGETHER)):
            with self._database.write() as session:
                for number, octets in some:
                    if octets.strip():
                        tally.lines += 1
                        self._line(session, run, number, octets)
        with self._database.write() as session:
            counts = {"stored": tally.stored, "kept": tally.kept, "faults": tally.fault_count}
            Audit(session, self._clock, actor).record(
                "feedback.imported", "Account", actor.account_id, **counts
            )
        return tally

    def _line(self, session: Session, run: _Run, number: int, octets: bytes) -> None:
        tally = run.tally
        try:
            opinion = self._read(octets)
            prediction = _prediction(session, opinion.reference)
            if prediction is not None:
                new = self._store(session, prediction, opinion, run.heard)
                tally.stored += new
            else:
                new = self._keep(session, run.actor, opinion)
                tally.kept += new
            tally.unchanged += not new
        except _FaultyError as error:
            tally.add(LineFault(number, error.column, error.code, error.values))

    def _read(self, octets: bytes) -> _Opinion:
        try:
            document = orjson.loads(octets) if len(octets) <= LONGEST_LINE else None
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise _FaultyError("", "unreadable_line")
        kind = _choice(document, "feedback_type", FeedbackType)
        original, corrected = _gravity(document, "original_gravity"), _gravity(document, "corrected_gravity")
        if original is None:
            raise _FaultyError("original_gravity", "required")
        _check_move(kind, original, corrected)
        reason, problems = prose(_text(document, "reason").strip(), "reason", LONGEST_REASON)
        given = document.get("missed_symptoms") or []
        if isinstance(given, str):
            given = [given]
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise _FaultyError("missed_symptoms", "unreadable_line")
        symptoms, faults = masked_symptoms(given, self._masker)
        for fault in (*problems, *faults):
            column = "missed_symptoms" if fault in faults else "reason"
            raise _FaultyError(column, fault.code, **dict(fault.values))
        features = document.get("patient_features") or {}
        if not isinstance(features, dict):
            raise _FaultyError("patient_features", "unreadable_line")
        told = _level(document, "original_level", original)
        level = _level(document, "corrected_level", corrected)
        return _Opinion(
            _name(document, "prediction_id"),
            self._reader(_name(document, "nurse_id")),
            told or LEVEL_OF[original],
            kind,
            level if kind in MOVES else None,
            self._masker.mask(reason),
            symptoms,
            features,
        )

    def _reader(self, nurse: str) -> str:
        """Return an anonymous reader; one that we wrote out is one already."""
        return (
            nurse if re.fullmatch("[0-9a-f]{64}", nurse) else self._passwords.keyed("feedback nurse", nurse)
        )

    def _store(
        self,
        session: Session,
        prediction: Prediction,
        opinion: _Opinion,
        heard: dict[tuple[int, str], int],
    ) -> bool:
        """Put an opinion on a prediction of this site in force, unless its reader said so already.

        Lines are in the order in which they were said: what is looked for was said no earlier than the line
        before, so that a return to an earlier opinion is a new one, and an earlier file changes nothing.
        """
        level = TriageLevel(prediction.level or "")
        if colour(level) != colour(opinion.original):
            raise _FaultyError("original_gravity", "another_gravity", gravity=colour(level))
        made = Feedback(
            prediction_id=prediction.id or 0,
            family=prediction.family,
            version_id=prediction.version_id,
            reader=opinion.reader,
            type=opinion.type.value,
            original=level.value,
            corrected_level=opinion.corrected.value if opinion.corrected else None,
            reason=opinion.reason,
            missed_symptoms=opinion.symptoms,
            created_at=self._clock(),
        )
        its = (Feedback.prediction_id == prediction.id, Feedback.reader == opinion.reader)
        said = session.exec(select(Feedback).where(*its).order_by(col(Feedback.number))).all()
        key = made.prediction_id, made.reader
        for place in range(heard.get(key, 0), len(said)):
            if _same(made, said[place]):
                heard[key] = place
                return False
        heard[key] = len(said)
        return put_in_force(session, made) is None

    def _keep(self, session: Session, actor: Actor, opinion: _Opinion) -> bool:
        """Keep an opinion on another program's prediction; False where it is kept."""
        if not opinion.features:
            raise _FaultyError("prediction_id", "unknown_prediction")
        made = ImportedFeedback(
            reference=opinion.reference,
            reader=opinion.reader,
            digest="",
            imported_by=actor.account_id,
            type=opinion.type.value,
            original=opinion.original.value,
            corrected_level=opinion.corrected.value if opinion.corrected else None,
            reason=opinion.reason,
            missed_symptoms=opinion.symptoms,
            visit=self._visit(opinion.features),
            created_at=self._clock(),
        )
        said = made.model_dump(
            include={"type", "original", "corrected_level", "reason", "missed_symptoms", "visit"}
        )
        made.digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
        try:
            with session.begin_nested():
                session.add(made)
        except IntegrityError:
            return False
        return True

    def _visit(self, features: Mapping[str, Any]) -> dict[str, Any]:
        complaint = features.get(COMPLAINT) or ""
        if not isinstance(complaint, str):
            raise _FaultyError("patient_features", "not_text")
        values = {name: _value(name, features.get(name)) for name in BY_NAME}
        try:
            return read_visit(SentVisit(values, complaint, None, []), self._masker).document()
        except ValidationFailedError as error:
            first = error.problems[0]
            raise _FaultyError(
                f"patient_features.{first.path[0]}", first.code, **dict(first.values)
            ) from None


def colour(level: TriageLevel) -> Gravity:
    """Return the colour of a level."""
    return gravity(level.value)


def _value(name: str, given: Any) -> Any:
    """Return a value as a person would write it: we write the sex as the number it is kept as."""
    if name == "sexe" and given in (0, 1):
        return "F" if given else "M"
    return given


def _prediction(session: Session, reference: str) -> Prediction | None:
    """Return the prediction of a visit that an id names; None where it is none of ours."""
    try:
        key = local_key(reference, PREDICTION)
    except NotFoundError:
        return None
    its = (Prediction.id == key, Prediction.family == ModelFamily.TRIAGE.value)
    return session.exec(select(Prediction).where(*its)).first()


def _same(made: Feedback, before: Feedback) -> bool:
    names = ("type", "corrected_level", "reason", "missed_symptoms")
    return all(getattr(made, name) == getattr(before, name) for name in names)


def _check_move(kind: FeedbackType, original: Gravity, corrected: Gravity | None) -> None:
    if kind is FeedbackType.CORRECT:
        if corrected not in {None, original}:
            raise _FaultyError("corrected_gravity", "correct_needs_no_level")
        return
    if corrected is None:
        if kind in MOVES:
            raise _FaultyError("corrected_gravity", "required")
        return
    steps = LEVEL_OF[corrected].urgency_over(LEVEL_OF[original])
    if kind is FeedbackType.UPGRADE and steps <= 0:
        raise _FaultyError("corrected_gravity", "upgrade_not_more_urgent")
    if kind is FeedbackType.DOWNGRADE and steps >= 0:
        raise _FaultyError("corrected_gravity", "downgrade_not_less_urgent")
    if kind is FeedbackType.DISAGREE and steps:
        code = "disagree_more_urgent" if steps > 0 else "disagree_less_urgent"
        raise _FaultyError("corrected_gravity", code)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name) or ""
    if not isinstance(value, str):
        raise _FaultyError(name, "not_text")
    return value


def _name(document: Mapping[str, Any], name: str) -> str:
    """Return the identifier of something, which numbers may be too."""
    value = document.get(name)
    given = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    tidy, problems = line(given, name, LONGEST_NAME)
    for problem in problems:
        raise _FaultyError(name, problem.code, **dict(problem.values))
    return tidy


def _choice(document: Mapping[str, Any], name: str, kinds: type[FeedbackType]) -> FeedbackType:
    try:
        return kinds(_text(document, name).strip().lower())
    except ValueError:
        raise _FaultyError(name, "unknown_choice") from None


def _gravity(document: Mapping[str, Any], name: str) -> Gravity | None:
    """Return a colour, the old GRIS as VERT; None where there is none."""
    given = _text(document, name)
    try:
        return read_gravity(given) if given else None
    except ValueError:
        raise _FaultyError(name, "unknown_choice") from None


def _level(document: Mapping[str, Any], name: str, told: Gravity | None) -> TriageLevel | None:
    """Return the level that is told beside a colour, or what the colour stands for."""
    given = _text(document, name)
    if told is None or not given:
        return LEVEL_OF[told] if told else None
    try:
        level = TriageLevel(given)
    except ValueError:
        raise _FaultyError(name, "unknown_choice") from None
    if colour(level) != told:
        raise _FaultyError(name, "another_gravity", gravity=colour(level))
    return level


def exported(session: Session) -> Iterator[dict[str, Any]]:
    """Yield every opinion on triage, in force or not, oldest first, and those kept from elsewhere."""
    rows = (
        select(Feedback, Prediction.id, Prediction.visit)
        .join(Prediction, col(Prediction.id) == Feedback.prediction_id)
        .where(Feedback.family == ModelFamily.TRIAGE.value)
        .order_by(col(Feedback.id))
    )
    for feedback, key, visit in session.exec(rows.execution_options(yield_per=TOGETHER)):
        yield _line_of(global_id(PREDICTION, key or 0), feedback, visit or {})
    kept = select(ImportedFeedback).order_by(col(ImportedFeedback.id))
    for imported in session.exec(kept.execution_options(yield_per=TOGETHER)):
        yield _line_of(imported.reference, imported, imported.visit)


def record_export(session: Session, clock: Clock, actor: Actor | None, lines: int) -> None:
    """Put on record that visits were written out."""
    Audit(session, clock, actor).record(
        "feedback.exported", "Account", actor.account_id if actor else None, lines=lines
    )


def _line_of(reference: str, row: Feedback | ImportedFeedback, visit: Mapping[str, Any]) -> dict[str, Any]:
    original, corrected = row.original or "", row.corrected_level
    features = {**visit.get("values", {}), COMPLAINT: visit.get("complaint", "")}
    return {
        "prediction_id": reference,
        "nurse_id": row.reader,
        "original_gravity": colour(TriageLevel(original)),
        "feedback_type": row.type,
        "corrected_gravity": colour(TriageLevel(corrected)) if corrected else None,
        "reason": row.reason,
        "missed_symptoms": row.missed_symptoms,
        "patient_features": features,
        "original_level": original,
        "corrected_level": corrected,
    }
