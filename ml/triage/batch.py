"""Visits from a CSV file, row by row: the bad rows told with their errors, the good ones answered."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from ml.triage.features import COMPLAINT, FEATURES, FieldError, Visit, read
from ml.triage.predicting import Answer, TriagePredictor

COLUMNS = (*(each.name for each in FEATURES), COMPLAINT)
LONGEST_FIELD = 10_000
_AT_ONCE = 1_000


class BatchError(ValueError):
    """A file none of whose rows can be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one row: the answer, or the errors of its fields."""

    line: int
    answer: Answer | None
    errors: tuple[FieldError, ...]

    def to_json(self) -> str:
        """Write it as one line."""
        document: dict[str, object] = {"line": self.line}
        if self.answer is None:
            document["errors"] = [
                {"field": each.field, "code": each.code, "message": each.text()} for each in self.errors
            ]
        else:
            document |= summary(self.answer)
        return json.dumps(document, ensure_ascii=False)


def summary(answer: Answer) -> dict[str, object]:
    """Return the answer as JSON takes it."""
    view = answer.view
    return {
        "predictionId": answer.prediction_id,
        "level": answer.level,
        "gravityLevel": answer.gravity,
        "doctorMinutes": answer.delay.doctor_minutes,
        "source": answer.source,
        "disagreement": answer.disagreement,
        "confidenceScore": round(answer.confidence, 4),
        "predictionQuality": answer.quality,
        "missingFeatures": answer.missing,
        "complaint": answer.ruling.complaint.id if answer.ruling.complaint else None,
        "rules": {
            "level": answer.ruling.level,
            "fired": [{"id": each.id, "level": each.level, "text": each.fr} for each in answer.ruling.fired],
        },
        "asked": [each.name for each in answer.asked],
        "mlAvailable": answer.model_available,
        "mlError": answer.error,
        "model": None
        if view is None
        else {
            "level": view.level,
            "likeliest": view.likeliest,
            "chances": [round(each, 4) for each in view.chances],
            "levels": view.levels,
            "reasons": {each.feature: round(each.moved, 4) for each in view.reasons},
        },
    }


def answer_file(file: TextIO, predictor: TriagePredictor) -> Iterator[Row]:
    """Answer a CSV file in order, holding few rows at once.

    The separator is a comma or a semicolon, told by the first line; decimal commas may be used with the
    semicolon or in quotes.

    Raises
    ------
    BatchError
        When the first line names none of the features.
    """
    head = file.readline(LONGEST_FIELD)
    separator = ";" if head.count(";") > head.count(",") else ","
    names = next(csv.reader([head], delimiter=separator), [])
    names = [each.strip().lower().removeprefix("﻿") for each in names]
    if not set(names) & set(COLUMNS):
        raise BatchError(f"its first line names none of {', '.join(COLUMNS)}")
    if twice := sorted({each for each in names if each in COLUMNS and names.count(each) > 1}):
        raise BatchError(f"its first line names {', '.join(twice)} twice")
    rows = _rows(file, separator, names, frozenset(predictor.scale.questions))
    while chunk := list(islice(rows, _AT_ONCE)):
        answers = predictor.predict_many(visit for _, visit, errors in chunk if not errors)
        for line, _, errors in chunk:
            yield Row(line, None if errors else next(answers), errors)


def _rows(
    file: Iterable[str], separator: str, names: list[str], questions: frozenset[str]
) -> Iterator[tuple[int, Visit, tuple[FieldError, ...]]]:
    """Yield the line each row ends at, the visit and what could not be read of it."""
    reader = csv.reader(file, delimiter=separator)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num + 1, Visit({}, "", {}), (FieldError("row", "unreadable"),)
            continue
        if not any(each.strip() for each in cells):
            continue
        if len(cells) != len(names):
            error = FieldError("row", "columns", (str(len(cells)), str(len(names))))
            yield reader.line_num + 1, Visit({}, "", {}), (error,)
            continue
        reading = read(dict(zip(names, cells, strict=True)), questions)
        yield reader.line_num + 1, reading.visit, reading.errors
