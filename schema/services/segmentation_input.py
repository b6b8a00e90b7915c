"""What somebody sends of a segmentation, or asks for, read and tidied; codes of patients that name nobody."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import IO

from ml.segmentation.segments import BRATS, Labels
from ml.segmentation.sent import LABEL_MAP
from schema.errors import FieldProblem, ValidationFailedError
from schema.models.segmentations import SegmentationStatus
from schema.services.once import Once, digest_of, read_key
from schema.services.text import line

LONGEST_CODE = 40
LONGEST_MODEL = 100
LONGEST_VERSION = 50
LONGEST_PROCESSING_S = 86_400.0
EARLIEST = date(1990, 1, 1)
LARGEST_LABEL = 1_000_000
MOST_LABELS = 50

_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_STUDY_WORDS = frozenset(
    {
        *(
            "case",
            "patient",
            "phantom",
            "pseudo",
            "subj",
            "subject",
            "sujet",
            "test",
            "training",
            "validation",
        ),
        *(
            "brats",
            "btup",
            "cptac",
            "glioma",
            "gliome",
            "ivygap",
            "lumiere",
            "rembrandt",
            "tcga",
            "ucsf",
            "upenn",
        ),
        *("anon", "demo"),
    }
)
"""What longer words the codes of studies have."""
_NIR = re.compile(r"[1-478]\d{2}(?:0[1-9]|[1-9]\d)(?:\d{2}|2[ABab])\d{6}(?:\d{2})?")
_DAYS = ("%d%m%Y", "%Y%m%d", "%m%d%Y")


@dataclass(frozen=True, slots=True)
class SentSegmentation:
    """What somebody sent of a segmentation, but its files.

    Parameters
    ----------
    patient, physician
        Codes that name nobody.
    labels
        What each number of the label map stands for.
    processing_s
        How long the model took.
    once
        What it is known by should it be sent again; None until it is read, and without a key.
    """

    patient: str
    examined_on: date
    model_name: str
    model_version: str
    processing_s: float
    status: SegmentationStatus = SegmentationStatus.SUCCEEDED
    physician: str | None = None
    labels: Labels | None = None
    once: Once | None = None


def read_sent(
    sent: SentSegmentation, files: Mapping[str, IO[bytes]], key: str | None, today: date
) -> SentSegmentation:
    """Return what was sent, tidied. Slow where it has a key: the files are read.

    Parameters
    ----------
    key
        By which its sender knows it again.

    Raises
    ------
    ValidationFailedError
        With every field that cannot be taken, each beside its name.
    """
    problems = _common_problems(sent.patient, sent.physician, sent.examined_on, today)
    model_name, faults = line(sent.model_name, "modelName", LONGEST_MODEL)
    model_version, more = line(sent.model_version, "modelVersion", LONGEST_VERSION)
    problems += [*faults, *more, *_label_problems(sent.labels)]
    if not (math.isfinite(sent.processing_s) and 0 <= sent.processing_s <= LONGEST_PROCESSING_S):
        limits = (("minimum", "0"), ("maximum", f"{LONGEST_PROCESSING_S:.0f}"))
        problems.append(FieldProblem(("processingSeconds",), "out_of_range", limits))
    tidy_key, bad_key = read_key(key)
    problems += bad_key
    failed = sent.status is SegmentationStatus.FAILED
    if failed:
        problems += [FieldProblem((name,), "failed_has_no_file") for name in files]
    elif LABEL_MAP not in files:
        problems.append(FieldProblem((LABEL_MAP,), "required"))
    if problems:
        raise ValidationFailedError(problems)
    tidy = replace(
        sent,
        patient=sent.patient.strip(),
        model_name=model_name,
        model_version=model_version,
        physician=sent.physician.strip() if sent.physician else None,
        labels=sent.labels or BRATS,
    )
    return tidy if tidy_key is None else replace(tidy, once=Once.of(tidy_key, _asked(tidy, files)))


def _asked(sent: SentSegmentation, files: Mapping[str, IO[bytes]]) -> list[object]:
    """Return what tells a segmentation that was sent from another of its patient."""
    return [
        [sent.examined_on, sent.model_name, sent.model_version, sent.processing_s],
        [sent.status, sent.physician, sorted((sent.labels or {}).items())],
        {name: digest_of(file) for name, file in files.items()},
    ]


def code_problems(code: str, path: str) -> list[FieldProblem]:
    """Return what is wrong with a code that is to name nobody: it must not look like who it stands for."""
    code = code.strip()
    if not code:
        return [FieldProblem((path,), "required")]
    if len(code) > LONGEST_CODE:
        return [FieldProblem((path,), "too_long", (("maximum", str(LONGEST_CODE)),))]
    if not _CODE.fullmatch(code) or not any(each.isdigit() for each in code):
        return [FieldProblem((path,), "not_a_code")]
    return [FieldProblem((path,), "may_identify")] if _may_identify(code) else []


def _may_identify(code: str) -> bool:
    """Return whether a code may hold a name, a NIR, a date or a telephone number."""
    for word in re.findall(r"[A-Za-z]+", code):
        if len(word) > 3 and word.lower() not in _STUDY_WORDS:
            return True
    packed = re.sub(r"[._-]", "", code)
    if _NIR.fullmatch(packed) or re.fullmatch(r"0[1-9]\d{8}", packed):
        return True
    return any(_is_day(each) for each in (packed, *re.findall(r"\d{8}", packed)))


def _is_day(digits: str) -> bool:
    if len(digits) != 8:
        return False
    for form in _DAYS:
        try:
            found = datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if 1900 <= found.year <= 2100:
            return True
    return False


def _label_problems(labels: Labels | None) -> list[FieldProblem]:
    if labels is None:
        return []
    if not labels:
        return [FieldProblem(("labels",), "required")]
    if len(labels) > MOST_LABELS:
        return [FieldProblem(("labels",), "too_many", (("maximum", str(MOST_LABELS)),))]
    if not all(0 < value <= LARGEST_LABEL for value in labels):
        limits = (("minimum", "1"), ("maximum", str(LARGEST_LABEL)))
        return [FieldProblem(("labels",), "out_of_range", limits)]
    return []


@dataclass(frozen=True, slots=True)
class AskedSegmentation:
    """Images that a model of this platform is to segment.

    Parameters
    ----------
    patient, physician
        Codes that name nobody.
    keep_images
        Whether they may be kept, to try new versions on and to learn from.
    """

    patient: str
    examined_on: date
    physician: str | None = None
    keep_images: bool = False

    def subject(self, account_id: int) -> str:
        """Return what names the examination in an A/B test: it stays where it fell."""
        return f"examination {account_id} {self.examined_on} {self.patient}"


def read_asked(asked: AskedSegmentation, today: date) -> AskedSegmentation:
    """Return what was asked, tidied; raises ValidationFailedError as `read_sent`."""
    problems = _common_problems(asked.patient, asked.physician, asked.examined_on, today)
    if problems:
        raise ValidationFailedError(problems)
    physician = asked.physician.strip() if asked.physician else None
    return replace(asked, patient=asked.patient.strip(), physician=physician)


def _common_problems(
    patient: str, physician: str | None, examined_on: date, today: date
) -> list[FieldProblem]:
    problems = code_problems(patient, "patient")
    if physician:
        problems += code_problems(physician, "physician")
    if not EARLIEST <= examined_on <= today + timedelta(days=1):
        limits = (("minimum", EARLIEST.isoformat()), ("maximum", today.isoformat()))
        problems.append(FieldProblem(("examinedOn",), "out_of_range", limits))
    return problems
