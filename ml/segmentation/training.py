"""A U-Net from exams, and from what readers said of others: trained, judged on patients held out, logged."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ml.corrections import Corrections
from ml.registry.artefact import Artefact
from ml.registry.training_runs import log_trained
from ml.segmentation.dataset import Exam, data_hash, split
from ml.segmentation.evaluation import Report
from ml.segmentation.network import Options, learn
from ml.segmentation.packaging import Facts, package

NO_CORRECTIONS: Corrections[Exam] = Corrections()


@dataclass(frozen=True)
class Trained:
    """A version, how it did on patients held out, and its loss after each epoch."""

    artefact: Artefact
    report: Report
    losses: Sequence[float]

    def log(self, name: str) -> str:
        """Log it to MLflow and return the run's id; raises StoreError."""
        steps = [("loss", loss, epoch) for epoch, loss in enumerate(self.losses, start=1)]
        return log_trained(self.artefact, name, {}, steps)


def train(  # noqa: PLR0913, PLR0917 - what a version is made of
    exams: Sequence[Exam],
    images: Sequence[str],
    options: Options,
    folder: Path,
    tell: Callable[[int, int, float], None],
    corrections: Corrections[Exam] = NO_CORRECTIONS,
    parent: str = "",
) -> Trained:
    """Learn from four patients in five, judge on the fifth, and write the artefact into a new folder.

    Parameters
    ----------
    tell
        Hears epoch, epochs and loss.
    corrections
        What it also learns from: each exam as often as its readers are more than those who contradict.
    parent
        The version it is to be compared with.
    """
    learnt_from, held_out = split(exams, options.seed)
    besides = [each.about for each in corrections.settled for _ in range(each.weight)]
    losses: list[float] = []

    def told(epoch: int, epochs: int, loss: float) -> None:
        losses.append(loss)
        tell(epoch, epochs, loss)

    model = learn([*learnt_from, *besides], options, told)
    facts = Facts(
        tuple(images),
        {**asdict(options), **corrections.lineage(parent)},
        data_hash(exams),
        {each for exam in (*learnt_from, *besides) for each in exam.fingerprints()},
        corrections.text(),
    )
    artefact, report = package(model, folder, held_out, facts)
    return Trained(artefact, report, losses)
