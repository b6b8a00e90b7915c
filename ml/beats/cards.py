"""The card of a trained model: what it is for and not for, what it learnt from, how well it does."""

from ml.beats.evaluation import Evaluation

LICENCE = "MIT; trained on the MIT-BIH Arrhythmia Database (ODC-By 1.0)"
CITATION = (
    "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng in Med and Biol 20(3):45-50 "
    "(2001). Goldberger A, et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation 101(23):e215-e220 "
    "(2000)."
)


def card(evaluation: Evaluation) -> str:
    """Return the card as Markdown."""
    return _CARD.format(
        architecture=evaluation.parameters["architecture"],
        classes=", ".join(evaluation.pooled.classes),
        figures=evaluation.markdown(),
        parameters="\n".join(f"- {name}: {value}" for name, value in evaluation.parameters.items()),
        data_hash=evaluation.data_hash,
        code_version=evaluation.code_version,
        citation=CITATION,
        licence=LICENCE,
    )


_CARD = """# Beats, {architecture}

**For** teaching the reading of ECGs: it names each beat of a recording ({classes}). **Not for** diagnosis,
monitoring, or any decision about a patient: it has not been validated for care and is no medical device.

**Learnt from** 47 patients of one hospital, recorded between 1975 and 1979 with two leads at 360 Hz, many
chosen for their arrhythmias (MIT-BIH). Four of them have a left and six a right bundle branch block, so how
it does on others with one is known least. It was not judged by age or sex.

**Says nothing of** rhythm, of ischaemia, of paced, fused or escape beats: each of these is given the
likeliest of its classes.

## How well it does

{figures}
## How it was made

{parameters}
- data: {data_hash}
- code: {code_version}

Weights: {licence}. Cite: {citation}
"""
