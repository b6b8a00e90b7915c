"""Where a site keeps its models: the local store, the key that seals them, the cache of verified ones."""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.keyfile import make_key

KEY_FILE = "model_key"
MIN_KEY = 32


class KeyUnusableError(OSError):
    """The key that seals models is missing, too short, or may be read by others."""


class NameUnusableError(OSError):
    """What MLflow is to call something is no name."""


@dataclass(frozen=True)
class Names:
    """What MLflow calls a family.

    Parameters
    ----------
    experiment : str
        What its runs belong to.
    model : str
        The registered model that its versions are of.

    Raises
    ------
    NameUnusableError
        When one would mean something else in a path or a query of MLflow's.
    """

    experiment: str
    model: str

    def __post_init__(self) -> None:
        for name in (self.experiment, self.model):
            if not re.fullmatch(NAME, name):
                raise NameUnusableError(f"{name!r} is no name of an experiment or model: {NAME}")


NAME = "[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}"
TRIAGE = Names("medtriage-classification", "triage-classifier")
SEGMENTATION = Names("cerebloom_brain_tumor_segmentation", "brain-tumor-segmentation")


@dataclass(frozen=True)
class Home:
    """A site's data folder as the models see it.

    Parameters
    ----------
    folder : Path
        `CHEVET_DATA_DIR`: holds `model_key`, `models/` (the cache), `mlflow/` (the store) and `feedback/`.
    tracking_uri : str or None
        `MLFLOW_TRACKING_URI`; the local store where there is none.
    model_key : str or None
        `CHEVET_MODEL_KEY`, 32 characters or more, where several machines share a store; otherwise one is made
        and kept in the folder.
    triage : Names
        `CHEVET_TRIAGE_EXPERIMENT` and `CHEVET_TRIAGE_MODEL`: what MLflow calls the triage of visits.
    held_out : Path or None
        `CHEVET_HELD_OUT`: the folder of data that challengers are held against champions on.
    segmentation : Names
        `CHEVET_SEGMENTATION_EXPERIMENT` and `CHEVET_SEGMENTATION_MODEL`: the same of brain tumours.
    """

    folder: Path
    tracking_uri: str | None = field(default=None, repr=False)
    model_key: str | None = field(default=None, repr=False)
    triage: Names = TRIAGE
    segmentation: Names = SEGMENTATION
    held_out: Path | None = None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], folder: Path | None = None) -> "Home":
        """Return what the environment says, as `environment()` writes it."""
        return cls(
            folder or Path(environment.get("CHEVET_DATA_DIR") or "var"),
            environment.get("MLFLOW_TRACKING_URI") or None,
            environment.get("CHEVET_MODEL_KEY") or None,
            Names(
                environment.get("CHEVET_TRIAGE_EXPERIMENT") or TRIAGE.experiment,
                environment.get("CHEVET_TRIAGE_MODEL") or TRIAGE.model,
            ),
            Names(
                environment.get("CHEVET_SEGMENTATION_EXPERIMENT") or SEGMENTATION.experiment,
                environment.get("CHEVET_SEGMENTATION_MODEL") or SEGMENTATION.model,
            ),
            Path(held_out) if (held_out := environment.get("CHEVET_HELD_OUT")) else None,
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that tell another process the same."""
        return {
            "CHEVET_DATA_DIR": str(self.folder.resolve()),
            "MLFLOW_TRACKING_URI": self.tracking_uri or "",
            "CHEVET_MODEL_KEY": self.model_key or "",
            "CHEVET_TRIAGE_EXPERIMENT": self.triage.experiment,
            "CHEVET_TRIAGE_MODEL": self.triage.model,
            "CHEVET_HELD_OUT": str(self.held_out.resolve()) if self.held_out else "",
            "CHEVET_SEGMENTATION_EXPERIMENT": self.segmentation.experiment,
            "CHEVET_SEGMENTATION_MODEL": self.segmentation.model,
        }

    def names(self, family: str) -> Names:
        """Return what MLflow calls a family: as it is called here, unless a setting says otherwise."""
        named = {"triage": self.triage, "segmentation": self.segmentation}
        return named.get(family) or Names(family, family)

    def feedback(self, family: str) -> Path:
        """Return the file in which what readers said of a family is kept for training, where it is kept."""
        return self.folder / "feedback" / f"{family}.jsonl"

    @property
    def cache(self) -> Path:
        """Return the folder of verified artefacts, each under its digest."""
        return self.folder / "models"

    @property
    def store(self) -> Path:
        """Return the folder of the local store."""
        return self.folder / "mlflow"

    def key(self) -> bytes:
        """Return the site's key; of several processes starting at once, one makes it.

        Raises
        ------
        KeyUnusableError
            When it is too short, cannot be kept, or may be read by others.
        """
        key = self.model_key.encode() if self.model_key is not None else self._kept_key()
        if len(key) < MIN_KEY:
            raise KeyUnusableError(f"the key that seals models needs {MIN_KEY} characters or more")
        return key

    def _kept_key(self) -> bytes:
        path = self.folder / KEY_FILE
        try:
            make_key(path)
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise KeyUnusableError(f"{path.name} may be read by others: chmod 600, or remove it")
            return path.read_bytes().strip()
        except OSError as error:
            if isinstance(error, KeyUnusableError):
                raise
            raise KeyUnusableError(f"{path.name} cannot be read or kept ({error.strerror})") from error
