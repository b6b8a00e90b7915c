"""Label maps that readers confirmed, with the images they were drawn on, as the network learns from them.

Most opinions on segmentations tell nothing to learn: images are forgotten unless whoever sent them had them
kept, and who disagrees says that a map is wrong, not which one is right. What can be learnt from is a map
that a reader calls correct, drawn by whomever, of an examination whose images are kept.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ml.corrections import MIN_FEEDBACK, Corrections, Opinion, read_corrections
from ml.segmentation.dataset import Exam, fingerprint_of
from ml.segmentation.predicting import FAMILY

VOLUMES = "volumes"
"""The folder beside the file in which images and label maps lie, by their keys."""


def read_exams(
    path: Path, images: Sequence[str], exams: Sequence[Exam], at_least: int = MIN_FEEDBACK
) -> Corrections[Exam]:
    """Return the corrections of a file, without the exams that are in `exams` already.

    So no exam is both learnt from and held out, and where readers and the first data differ these stand.

    Parameters
    ----------
    images
        What the network is shown: an exam without one of them cannot be used.

    Raises
    ------
    CorrectionsError
        When it cannot be read, or holds too few opinions.
    """
    folder = path.parent / VOLUMES
    told = cache(fingerprint_of)

    def opinion(line: Mapping[str, Any]) -> Opinion[Exam]:
        keys = [str(line["images"][name]) for name in images]
        label = str(line["label"])
        if not all(each.isalnum() for each in (*keys, label)):
            raise ValueError("no key of a file")
        shown = tuple(folder / each for each in keys)
        return Opinion(told(shown[0]), Exam(f"site-{keys[0][:16]}", shown, folder / label), label)

    known = frozenset(each.fingerprints()[0] for each in exams)
    return read_corrections(path, FAMILY, opinion, at_least).without(known)
