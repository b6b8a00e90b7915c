"""Where a site keeps its models: the local store, the key that seals them, the cache of verified ones."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ml.registry.store import StoreError

KEY_FILE = "model_key"
MIN_KEY = 32


@dataclass(frozen=True)
class Home:
    """A site's data folder as the models see it.

    Parameters
    ----------
    folder : Path
        `CHEVET_DATA_DIR`: holds `model_key`, `models/` (the cache) and `mlflow/` (the store).
    tracking_uri : str or None
        `MLFLOW_TRACKING_URI`; the local store where there is none.
    model_key : str or None
        `CHEVET_MODEL_KEY`, 32 characters or more, where several machines share a store; otherwise one is made
        and kept in the folder.
    """

    folder: Path
    tracking_uri: str | None = field(default=None, repr=False)
    model_key: str | None = field(default=None, repr=False)

    @property
    def cache(self) -> Path:
        """Return the folder of verified artefacts, each under its digest."""
        return self.folder / "models"

    def key(self) -> bytes:
        """Return the site's key; of several processes starting at once, one makes it.

        Raises
        ------
        StoreError
            When it is too short, cannot be kept, or may be read by others.
        """
        raise NotImplementedError
