"""What a model says of a recording, in words and as a table."""

import csv
from pathlib import Path

import numpy as np

from ml.beats.predicting import BeatAnswer


def summary(answer: BeatAnswer) -> str:
    """Return quality, counts and the least certain beats, a line each."""
    reasons = ", ".join(answer.quality.reasons)
    lines = [f"quality: {answer.quality.verdict}" + (f" ({reasons})" if reasons else "")]
    lines.append(f"leads: {', '.join(answer.leads) or 'none'}; {len(answer.positions)} beats")
    counts = np.bincount(answer.labels, minlength=len(answer.classes))
    lines += [f"  {name}: {count}" for name, count in zip(answer.classes, counts, strict=True) if count]
    for beat in np.argsort(answer.confidences, kind="stable")[:5]:
        at = answer.positions[beat] / answer.sampling_rate_hz
        name, sure = answer.classes[answer.labels[beat]], answer.confidences[beat]
        lines.append(f"least certain: {at:.2f} s, {name} ({sure:.2f})")
    return "\n".join([*lines, "This is not a diagnosis."])


def write_answer(answer: BeatAnswer, path: Path) -> None:
    """Write a row a beat: where it is, its class, how sure that is, the conformal set, every probability."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["sample", "time_s", "class", "confidence", "set", *answer.classes])
        for beat, position in enumerate(answer.positions.tolist()):
            likely = " ".join(np.asarray(answer.classes)[answer.sets[beat]])
            table.writerow(
                [
                    position,
                    f"{position / answer.sampling_rate_hz:.4f}",
                    answer.classes[answer.labels[beat]],
                    f"{answer.confidences[beat]:.4f}",
                    likely,
                    *(f"{each:.4f}" for each in answer.probabilities[beat]),
                ]
            )
