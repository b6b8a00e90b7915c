"""Exams to learn from or to be judged on: a folder for each patient, with images and a label map."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.judging.learnt import fingerprint
from ml.segmentation.faults import VolumeError
from ml.segmentation.reading import Codes, Volume, read, same_place, segments_of

IMAGES = ("flair", "t1c")
"""What networks are shown unless somebody says otherwise."""
LABELS = "seg"
ENDINGS = (".nii.gz", ".nii")
HELD_OUT = 0.2


class DatasetError(OSError):
    """A folder that holds no exams, or one that cannot be used; the message says which."""


@dataclass(frozen=True)
class Exam:
    """A patient's images of one day.

    Parameters
    ----------
    patient : str
        The first folder on the way to it.
    images : tuple of Path
        In the order in which they were asked for.
    labels : Path
        The label map.
    """

    patient: str
    images: tuple[Path, ...]
    labels: Path

    def volumes(self) -> tuple[list[Volume], Codes]:
        """Return the images and the label map's codes; raises DatasetError for what does not fit."""
        try:
            labels = read(self.labels)
            volumes = read_images(self.images)
            same_place(volumes[0], labels)
            return volumes, segments_of(labels)
        except VolumeError as error:
            raise DatasetError(f"{self.labels.parent}: {error}") from error

    def fingerprints(self) -> tuple[str, ...]:
        """Return what tells each image again: its voxels, in whatever file they lie; raises DatasetError."""
        try:
            return tuple(fingerprint_of(each) for each in self.images)
        except VolumeError as error:
            raise DatasetError(f"{self.labels.parent}: {error}") from error


def fingerprint_of(image: Path) -> str:
    """Return what tells an image again; raises VolumeError for what is none."""
    data = read(image).data
    return fingerprint(repr(data.shape).encode() + np.asarray(data, np.float32).tobytes("F"))


def read_images(paths: Sequence[Path]) -> list[Volume]:
    """Return images that have the same voxels; raises VolumeError otherwise."""
    volumes = [read(path) for path in paths]
    for each in volumes[1:]:
        same_place(each, volumes[0])
    return volumes


def load(folder: Path, images: Sequence[str]) -> list[Exam]:
    """Return every exam below a folder, by patient.

    Raises
    ------
    DatasetError
        When there is none, or one lacks an image.
    """
    exams = []
    for labels in sorted(each for ending in ENDINGS for each in folder.rglob(f"{LABELS}{ending}")):
        patient = labels.relative_to(folder).parts[0]
        exams.append(Exam(patient, tuple(_image(labels.parent, name) for name in images), labels))
    if not exams:
        raise DatasetError(f"{folder} holds no {LABELS}.nii.gz")
    return exams


def split(exams: Sequence[Exam], seed: int) -> tuple[list[Exam], list[Exam]]:
    """Return exams to learn from, and those of one patient in five, held out: no patient is in both."""

    def drawn(patient: str) -> str:
        return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()

    patients = sorted({each.patient for each in exams}, key=drawn)
    if len(patients) < 2:
        raise DatasetError("one patient cannot be held out from itself: two at least are needed")
    out = set(patients[: max(math.floor(HELD_OUT * len(patients)), 1)])
    return [each for each in exams if each.patient not in out], [
        each for each in exams if each.patient in out
    ]


def data_hash(exams: Sequence[Exam]) -> str:
    """Return the SHA-256 of every file, in order."""
    digest = hashlib.sha256()
    for exam in exams:
        for path in (*exam.images, exam.labels):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _image(folder: Path, name: str) -> Path:
    for ending in ENDINGS:
        if (folder / f"{name}{ending}").exists():
            return folder / f"{name}{ending}"
    raise DatasetError(f"{folder} lacks {name}.nii.gz")
