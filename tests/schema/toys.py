"""Toy models in real, sealed artefacts, loaded by the real registry; some fail on purpose."""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlmodel import Session, select

from ml.beats.classes import PRODUCT_CLASSES
from ml.beats.predicting import BeatAnswer, Saliency
from ml.beats.quality import Quality, Reason, Verdict
from ml.ecg.signal import Signal
from ml.registry.artefact import Artefact, copy_sealed, open_unsealed, seal, write_artefact
from ml.registry.helper import Synced, SyncedVersion
from ml.registry.home import Home
from ml.registry.manifest import Manifest, TensorSpec
from ml.registry.predictor import LoadError, Predictor, load
from ml.segmentation.dataset import IMAGES
from schema.models.models import Deployment, Model, ModelAlias, ModelVersion
from schema.services.clock import Clock
from tests.support.segmentation import write_toy_unet
from tests.support.triage import write_toy_triage

CARD = "# A toy\n\nIt answers by the clock."
REGISTERED = "2026-03-01T12:00:00+00:00"
numbers = count(1)


class ToyBeats:
    """Finds a beat every 0.8 s from 0.4 s on; every fifth is premature, and less certain."""

    def __init__(self, artefact: Artefact) -> None:
        self.settings = artefact.manifest.settings
        if self.settings.get("does") == "not load":
            raise LoadError("this toy does not load")

    def warm_up(self) -> None:
        """Do nothing: it is never cold."""

    def verify_examples(self) -> float:
        """Differ from nothing: it was made of no other model."""
        return 0.0

    def predict(self, signal: Signal) -> BeatAnswer:
        """Answer by the clock."""
        if self.settings.get("does") == "fail":
            raise RuntimeError("this toy fails")
        rate = signal.sampling_rate_hz
        positions = (np.arange(0.4, signal.duration_s, 0.8) * rate).astype(np.int64)
        return self.classify(signal, positions)

    def classify(self, signal: Signal, peaks: npt.NDArray[np.int64]) -> BeatAnswer:
        """Call every fifth beat premature."""
        labels = np.where(np.arange(1, len(peaks) + 1) % 5 == 0, PRODUCT_CLASSES.index("PVC"), 0)
        sure = np.where(labels == 0, 0.95, 0.7) - np.arange(len(peaks)) * 1e-3
        probabilities = np.repeat(((1 - sure) / 4)[:, None], 5, axis=1)
        probabilities[np.arange(len(peaks)), labels] = sure
        return BeatAnswer(
            PRODUCT_CLASSES,
            peaks,
            labels.astype(np.uint8),
            probabilities.astype(np.float32),
            probabilities > 0.06,
            Quality(Verdict.MEDIUM, (Reason.ONE_LEAD,)),
            signal.leads[:1],
            signal.sampling_rate_hz,
        )

    def saliency(
        self,
        signal: Signal,
        peaks: npt.NDArray[np.int64],
        beat: int,
        leads: Sequence[str],
        *,
        label: int,
    ) -> Saliency:
        """Find the R peak to matter most, in a lead that was read."""
        assert set(leads) <= set(signal.leads)
        around = round(0.3 * signal.sampling_rate_hz)
        weights = 1 - np.abs(np.arange(-around, around + 1)) / around
        return Saliency(int(peaks[beat]) - around, (weights / 2).astype(np.float32), label)


def toy_loader(artefact: Artefact) -> Predictor:
    """Load a toy of beats, or what answers as a real version of another family does."""
    return ToyBeats(artefact) if artefact.manifest.family == "beats" else load(artefact)


def toy(home: Home, **settings: Any) -> str:
    """Put a new toy, sealed, into a site's cache and return its digest.

    Parameters
    ----------
    settings
        `does="fail"` or `does="not load"`.
    """
    manifest = Manifest(
        family="beats",
        architecture="toy",
        classes=PRODUCT_CLASSES,
        inputs=(TensorSpec("beats", (None, 10, 1)),),
        metrics={"macro_f1": 0.5},
        parity=0.0,
        data_hash="d" * 64,
        code_version="toy",
        created=REGISTERED,
        licence="MIT",
        citation="none",
        settings={"number": next(numbers), **settings},
    )
    scratch = Path(tempfile.mkdtemp(prefix="toy-"))
    try:
        made = write_artefact(scratch / "toy", manifest, {"card.md": CARD.encode()})
        return copy_sealed(seal(made, home.key()).folder, home.cache, home.key()).digest
    finally:
        shutil.rmtree(scratch)


def toy_triage(home: Home) -> str:
    """Put a small model of triage, sealed, into a site's cache and return its digest."""
    scratch = Path(tempfile.mkdtemp(prefix="toy-"))
    try:
        shutil.copytree(_learnt_triage(), scratch / "triage")
        sealed = seal(open_unsealed(scratch / "triage"), home.key())
        return copy_sealed(sealed.folder, home.cache, home.key()).digest
    finally:
        shutil.rmtree(scratch)


def toy_unet(home: Home, *, blind: bool = False, images: Sequence[str] = IMAGES) -> str:
    """Put a small model of segmentations, as `write_toy_unet`, into a site's cache and return its digest."""
    scratch = Path(tempfile.mkdtemp(prefix="toy-"))
    try:
        sealed = seal(write_toy_unet(scratch / "unet", blind=blind, images=images), home.key())
        return copy_sealed(sealed.folder, home.cache, home.key()).digest
    finally:
        shutil.rmtree(scratch)


@cache
def _learnt_triage() -> Path:
    """Learn one for this process."""
    folder = Path(tempfile.mkdtemp(prefix="toy-triage-"))
    atexit.register(shutil.rmtree, folder)
    return write_toy_triage(folder / "made").folder


def synced_version(number: int, digest: str | None, fault: str | None = None) -> SyncedVersion:
    """Return a version as the helper tells it."""
    if digest is None:
        return SyncedVersion("beats", number, None, REGISTERED, fault)
    return SyncedVersion(
        "beats",
        number,
        digest,
        REGISTERED,
        fault,
        architecture="toy",
        data_hash="d" * 64,
        code_version="toy",
        classes=PRODUCT_CLASSES,
        metrics={"macro_f1": 0.5},
        card=CARD,
    )


def offered(versions: list[SyncedVersion], **aliases: int) -> Synced:
    """Return what a store says that has these versions of `beats`."""
    return Synced(tuple(versions), {"beats": aliases})


def registered(
    session: Session, clock: Clock, digest: str | None, family: str = "beats", **fields: Any
) -> ModelVersion:
    """Add a version of a family as the job would have."""
    model = session.exec(select(Model).where(Model.family == family)).first()
    if model is None:
        model = Model(family=family, created_at=clock(), looked_at=clock())
        session.add(model)
        session.flush()
    numbered = session.exec(select(ModelVersion).where(ModelVersion.model_id == model.id)).all()
    usual = {
        "architecture": "toy",
        "classes": list(PRODUCT_CLASSES),
        "metrics": {"macro_f1": 0.5},
        "card": CARD,
        "data_hash": "d" * 64,
        "code_version": "toy",
        "registered_at": clock(),
    }
    known = usual if digest is not None else {"fault": "tampered with"}
    version = ModelVersion(
        model_id=model.id or 0,
        number=len(numbered) + 1,
        digest=digest,
        created_at=clock(),
        **{**known, **fields},
    )
    session.add(version)
    session.flush()
    return version


def deployed(
    session: Session, clock: Clock, version: ModelVersion, alias: ModelAlias = ModelAlias.CHAMPION
) -> Deployment:
    """Let a version answer."""
    row = Deployment(
        model_id=version.model_id,
        alias=alias.value,
        version_id=version.id or 0,
        mirrored_id=version.id,
        changed_at=clock(),
    )
    session.add(row)
    session.flush()
    return row
