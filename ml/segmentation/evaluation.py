"""How well a network segments patients it has not learnt from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from ml.segmentation.agreement import hausdorff_95, overlap
from ml.segmentation.dataset import Exam
from ml.segmentation.predicting import UNetPredictor
from ml.segmentation.segments import CODES, SEGMENTS, Segment

LEAST_DICE = 0.9
"""What is aimed at on phantoms, for each segment."""


@dataclass(frozen=True, slots=True)
class Score:
    """One segment of one exam.

    Parameters
    ----------
    dice : float or None
        None where there is none of the segment, and none was found.
    hausdorff_mm : float or None
        95th percentile of the surfaces' distances; None where one of the two is empty.
    """

    segment: Segment
    dice: float | None
    hausdorff_mm: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Of exams held out."""

    exams: int
    patients: int
    scores: tuple[Score, ...]

    def dice(self, segment: Segment) -> float:
        """Return the mean Dice of a segment; 0 where it is never there."""
        known = [each.dice for each in self.scores if each.segment is segment and each.dice is not None]
        return mean(known) if known else 0.0

    def hausdorff_mm(self, segment: Segment) -> float | None:
        """Return the mean distance of a segment's surfaces."""
        ours = [each for each in self.scores if each.segment is segment]
        known = [each.hausdorff_mm for each in ours if each.hausdorff_mm is not None]
        return mean(known) if known else None

    def metrics(self) -> dict[str, float]:
        """Return the figures by name."""
        told = {f"dice_{each.value}": self.dice(each) for each in SEGMENTS}
        far = {f"hd95_mm_{each.value}": self.hausdorff_mm(each) for each in SEGMENTS}
        return told | {name: value for name, value in far.items() if value is not None}

    def figures(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {"exams": self.exams, "patients": self.patients, **self.metrics()}

    def text(self) -> str:
        """Return the same as a person reads them."""
        return "\n".join(self._lines())

    def missed(self) -> list[str]:
        """Return which aims are missed."""
        return [
            f"Dice of {each.value} is {self.dice(each):.3f}, below {LEAST_DICE}"
            for each in SEGMENTS
            if self.dice(each) < LEAST_DICE
        ]

    def _lines(self) -> Iterator[str]:
        yield f"{self.exams} exams of {self.patients} patients it has not learnt from"
        for each in SEGMENTS:
            far = self.hausdorff_mm(each)
            distance = "" if far is None else f", HD95 {far:.1f} mm"
            yield f"{each.value:<10} Dice {self.dice(each):.3f}{distance}"


def judge(predictor: UNetPredictor, exams: Sequence[Exam], tell: Callable[[str], None]) -> Report:
    """Segment exams and compare; `tell` hears how far it is."""
    scores = []
    for number, exam in enumerate(exams, start=1):
        tell(f"exam {number} of {len(exams)}")
        volumes, codes = exam.volumes()
        found = predictor.segment(volumes).codes
        for segment in SEGMENTS:
            ours, theirs = found == CODES[segment], codes == CODES[segment]
            far = hausdorff_95(ours, theirs, volumes[0].voxel_mm)
            scores.append(Score(segment, overlap(ours, theirs), far))
    return Report(len(exams), len({each.patient for each in exams}), tuple(scores))
