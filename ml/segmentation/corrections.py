"""Label maps that readers confirmed, with the images they were drawn on, as the network learns from them.

Most opinions on segmentations tell nothing to learn: images are forgotten unless whoever sent them had them
kept, and who disagrees says that a map is wrong, not which one is right. What can be learnt from is a map
that a reader calls correct, drawn by whomever, of an examination whose images are kept.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ml.corrections import MIN_FEEDBACK, VOLUMES, Corrections, Opinion, read_corrections
from ml.segmentation.dataset import DatasetError, Exam, fingerprint_of
from ml.segmentation.predicting import FAMILY


def read_exams(
    path: Path, images: Sequence[str], exams: Sequence[Exam], at_least: int = MIN_FEEDBACK
) -> Corrections[Exam]:
    """Return the corrections of a file, without the exams that are in `exams` already.

    So no exam is both learnt from and held out, and where readers and the first data differ these stand.

    Parameters
    ----------
    images
        What the network is shown: an exam without one of them, or whose map has other voxels, tells nothing.

    Raises
    ------
    CorrectionsError
        When it cannot be read, or holds too few opinions.
    """
    folder = path.parent / VOLUMES

    @cache
    def named(shown: tuple[Path, ...], labels: Path) -> str | None:
        """Return what tells the images again; None where the map does not fit them."""
        try:
            Exam("", shown, labels).volumes()
        except DatasetError:
            return None
        return fingerprint_of(shown[0])

    def opinion(line: Mapping[str, Any]) -> Opinion[Exam] | None:
        kept, label = {str(name): str(key) for name, key in line["images"].items()}, str(line["label"])
        if not all(each.isalnum() for each in (*kept.values(), label)):
            raise ValueError("no key of a file")
        if not kept.keys() >= set(images):
            return None
        shown, labels = tuple(folder / kept[name] for name in images), folder / label
        same = named(shown, labels)
        return None if same is None else Opinion(same, Exam(f"site-{same}", shown, labels), label)

    known = frozenset(each.fingerprints()[0] for each in exams)
    return read_corrections(path, FAMILY, opinion, at_least).without(known)
