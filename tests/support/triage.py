"""A small file of made visits, and a whole version of the model of triage learnt from it in a second."""

import random
from pathlib import Path

from ml.registry.artefact import Artefact
from ml.triage.dataset import Dataset, load
from ml.triage.encoding import see
from ml.triage.evaluation import score
from ml.triage.learning import NOTHING_ELSE, Learnt, Options, Taught, learn
from ml.triage.packaging import package

OPTIONS = Options(n_estimators=20, learning_rate=0.3)
HEAD = "Sex;Age;Injury;Chief_complain;Mental;Pain;NRS_pain;SBP;DBP;HR;RR;BT;Saturation;KTAS_expert"
COMPLAINTS = {
    1: ("arrest", "coma"),
    2: ("chest pain", "hemiparesis", "dyspnea"),
    3: ("abdominal pain", "fever", "headache"),
    4: ("ankle injury", "finger laceration", "epistaxis"),
    5: ("medication", "cough", "for medication"),
}


def written(folder: Path, visits: int = 150) -> Path:
    """Write visits in the form of `ktas.csv`, whose level follows from what is known, with noise."""
    draw = random.Random(7)  # noqa: S311 - no secret
    rows = [HEAD]
    for _ in range(visits):
        level = draw.choices((1, 2, 3, 4, 5), (1, 3, 6, 6, 2))[0]
        complaint = draw.choice(COMPLAINTS[draw.choice((level, level, level, min(5, level + 1)))])
        sex, age = draw.choice((1, 2)), draw.randint(18, 90)
        ill = 4 - level
        systolic = 125 - 8 * ill * (level < 3) + draw.randint(-15, 15)
        rows.append(
            f"{sex};{age};2;{complaint};{max(1, 4 - level) if level < 3 else 1};1;{draw.randint(1, 9)};"
            f"{systolic};{systolic - draw.randint(25, 50)};{78 + 8 * ill + draw.randint(-12, 12)};"
            f"{16 + 2 * max(0, ill) + draw.randint(0, 4)};{36.5 + draw.random():.1f};"
            f"{min(100, 98 - 2 * max(0, ill) + draw.randint(-1, 2))};{level}"
        )
    path = folder / "visits.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def quickly_learnt(data: Dataset, besides: Taught = NOTHING_ELSE) -> Learnt:
    """Learn a model of few trees: quick to learn, and all there."""
    return learn([see(visit) for visit in data.visits], data.levels, OPTIONS, besides)


def write_toy_triage(folder: Path) -> Artefact:
    """Write a whole artefact into a new folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    data = load(written(folder.parent))
    learnt = quickly_learnt(data)
    return package(learnt, data, score(data, learnt.model), folder)
