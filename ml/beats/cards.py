"""The card of a trained model: what it is for and not for, what it learnt from, how well it does."""

from collections.abc import Iterable, Mapping

from ml.beats.evaluation import Evaluation

SOURCES: Mapping[str, tuple[str, str]] = {
    "mitdb": (
        "the MIT-BIH Arrhythmia Database (ODC-By 1.0)",
        (
            "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng in Med and Biol "
            "20(3):45-50 (2001)."
        ),
    ),
    "ludb": (
        "LUDB (ODC-By 1.0)",
        (
            "Kalyakulina AI, et al. LUDB: a new open-access validation tool for electrocardiogram "
            "delineation algorithms. IEEE Access 8:186181-186190 (2020)."
        ),
    ),
    "ptbxl": (
        "PTB-XL (CC BY 4.0)",
        (
            "Wagner P, et al. PTB-XL, a large publicly available electrocardiography dataset. Sci Data 7:154 "
            "(2020)."
        ),
    ),
    "svdb": (
        "the MIT-BIH Supraventricular Arrhythmia Database (ODC-By 1.0)",
        (
            "Greenwald SD. Improved detection and classification of arrhythmias in noise-corrupted "
            "electrocardiograms using contextual information. PhD thesis, Harvard-MIT (1990)."
        ),
    ),
}
"""What a model may have learnt from: its name with its licence, and how to cite it."""
PHYSIONET = (
    "Goldberger A, et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation 101(23):e215-e220 (2000)."
)


def licence(databases: Iterable[str]) -> str:
    """Return what a model that learnt from these may be used under."""
    return f"MIT; trained on {', '.join(SOURCES[name][0] for name in databases)}"


def citation(databases: Iterable[str]) -> str:
    """Return whom to cite for a model that learnt from these."""
    return " ".join([*(SOURCES[name][1] for name in databases), PHYSIONET])


def card(evaluation: Evaluation) -> str:
    """Return the card as Markdown."""
    databases = sources(evaluation)
    return _CARD.format(
        architecture=evaluation.parameters["architecture"],
        classes=", ".join(evaluation.pooled.classes),
        figures=evaluation.markdown(),
        parameters="\n".join(f"- {name}: {value}" for name, value in evaluation.parameters.items()),
        data_hash=evaluation.data_hash,
        code_version=evaluation.code_version,
        further="".join(text for names, text in _FURTHER.items() if names & set(databases)),
        citation=citation(databases),
        licence=licence(databases),
    )


def sources(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the names of the databases that what was evaluated learns from."""
    learnt = str(evaluation.parameters.get("learnt_from", "mitdb")).split(", ")
    return tuple(name for name in SOURCES if name in learnt)


_CARD = """# Beats, {architecture}

**For** teaching the reading of ECGs: it names each beat of a recording ({classes}). **Not for** diagnosis,
monitoring, or any decision about a patient: it has not been validated for care and is no medical device.

**Learnt from** 47 patients of one hospital, recorded between 1975 and 1979 with two leads at 360 Hz, many
chosen for their arrhythmias (MIT-BIH). Four of them have a left and six a right bundle branch block, so how
it does on others with one is known least. It was not judged by age or sex.{further}

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

_FURTHER: Mapping[frozenset[str], str] = {
    frozenset({"ludb", "ptbxl"}): """
Besides, ten seconds each of some five hundred patients of LUDB and PTB-XL, whose beats were told by their
diagnosis, not one by one: most are normal, few have a complete bundle branch block.""",
    frozenset({"svdb"}): """
Besides, half an hour each of 40 patients with premature beats of the atria (SVDB, two leads at 128 Hz). No
bundle branch block is told there: such beats stand among the normal ones.""",
}
