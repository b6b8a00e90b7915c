"""A trained model of triage as an artefact: plain JSON, examples, card, and a manifest."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ml.corrections import Corrections
from ml.registry.artefact import Artefact, write_artefact
from ml.registry.contents import CARD, REFERENCE
from ml.registry.manifest import MAX_PARITY, Manifest, TensorSpec
from ml.triage.cards import CITATION, LICENCE, card
from ml.triage.dataset import Dataset
from ml.triage.encoding import Seen, see
from ml.triage.evaluation import Report
from ml.triage.examples import EXAMPLES, Example, write_examples
from ml.triage.features import Visit
from ml.triage.learning import Learnt
from ml.triage.levels import CLASSES
from ml.triage.model import MODEL
from ml.triage.monitored import reference
from ml.triage.trees import Floats
from ml.versions import code_version

FAMILY = "triage"
ARCHITECTURE = "xgboost"
KEPT_EXAMPLES = 16
NO_CORRECTIONS: Corrections[Visit] = Corrections()


class ParityError(ValueError):
    """The trees by themselves answer otherwise than XGBoost; the message says by how much."""


def package(  # noqa: PLR0913, PLR0917 - what a version is made of
    learnt: Learnt,
    data: Dataset,
    report: Report,
    folder: Path,
    corrections: Corrections[Visit] = NO_CORRECTIONS,
    parent: str = "",
) -> Artefact:
    """Write a model as an artefact, not sealed yet, into a new folder.

    Parameters
    ----------
    learnt
        From all of `data`.
    data
        Each of its visits must be answered as XGBoost does; some, of all levels, are kept as examples.
    report
        How it did on visits held out.
    folder
        Where to.
    corrections
        What it also learnt from.
    parent
        The version it is to be compared with.

    Raises
    ------
    ParityError
        When an answer is further than 1e-5 from XGBoost's.
    """
    seen = [see(visit) for visit in data.visits]
    expected = _by_xgboost(learnt, seen)
    parity = float(np.abs(learnt.model.chances(seen) - expected).max())
    if not parity <= MAX_PARITY:
        raise ParityError(f"parity fails: {parity:.1e} from XGBoost, above {MAX_PARITY:g}")
    by_level = np.argsort(np.array(data.levels), kind="stable")
    kept = by_level[np.linspace(0, len(by_level) - 1, min(KEPT_EXAMPLES, len(by_level)), dtype=np.intp)]
    columns = TensorSpec("visits", (None, len(learnt.model.encoder.columns)))
    data_hash, version = data.data_hash, code_version()
    settings = learnt.options.to_json() | corrections.lineage(parent)
    manifest = Manifest(
        family=FAMILY,
        architecture=ARCHITECTURE,
        classes=CLASSES,
        inputs=(columns,),
        metrics=report.metrics(),
        parity=parity,
        data_hash=data_hash,
        code_version=version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=LICENCE,
        citation=CITATION,
        settings=settings,
    )
    examples = [Example(data.visits[each], tuple(expected[each].tolist())) for each in kept]
    files = {
        **learnt.files,
        REFERENCE: reference(learnt.model, data.visits).to_bytes(),
        EXAMPLES: write_examples(examples),
        CARD: card(report, settings, corrections, data_hash, version).encode(),
    }
    return write_artefact(folder, manifest, files)


def _by_xgboost(learnt: Learnt, seen: Sequence[Seen]) -> Floats:
    """Return the chances of visits' levels, from the log-odds that XGBoost itself answers."""
    import xgboost  # noqa: PLC0415 - as in `learning`

    booster = xgboost.Booster()
    booster.load_model(bytearray(learnt.files[MODEL]))
    rows = xgboost.DMatrix(learnt.model.encoder.encode(seen))
    return learnt.model.calibration.chances(np.asarray(booster.predict(rows, output_margin=True), np.float64))
