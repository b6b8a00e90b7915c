"""What a manifest says of a version of a model."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TypeAlias

MANIFEST = "manifest.json"
FORMAT = 2
MAX_PARITY = 1e-5
"""How far what serves may be from the model it was made of, in what it answers."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class ArtefactError(OSError):
    """A folder that is no sealed artefact, or holds what none may hold; the message says what."""


@dataclass(frozen=True)
class TensorSpec:
    """A tensor a model takes.

    Parameters
    ----------
    name : str
        As in the graph, where it is one.
    shape : tuple of int or None
        None where it may be anything.
    dtype : str
        NumPy's name: ``float32``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class FileEntry:
    """A file of an artefact.

    Parameters
    ----------
    size : int
        Bytes.
    sha256 : str
        In hexadecimal.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a version of a model is.

    Parameters
    ----------
    family : str
        Which kind of question it answers: ``beats`` or ``triage``.
    architecture : str
        How it is built: ``cnn-lstm``, ``xgboost``.
    classes : tuple of str
        In the order of its outputs.
    inputs : tuple of TensorSpec
        What it takes.
    metrics : mapping of str to float
        As it was evaluated.
    parity : float
        The largest difference between what serves and the model it was made of, on real inputs.
    data_hash, code_version : str
        Of what it was trained on, and with.
    created : str
        ISO 8601, UTC.
    licence, citation : str
        Of the weights, and of the data they come from.
    settings : mapping
        What its family needs to know besides, and checks as it loads.
    files : mapping of str to FileEntry
        Every file but the manifest and its seal.
    """

    family: str
    architecture: str
    classes: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    metrics: Mapping[str, float]
    parity: float
    data_hash: str
    code_version: str
    created: str
    licence: str
    citation: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    files: Mapping[str, FileEntry] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the manifest as it is written and signed."""
        document = {"format": FORMAT, **asdict(self)}
        return (json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises
        ------
        ArtefactError
            When it is none of this format, or its figures do not fit together.
        """
        try:
            document = json.loads(data)
            inputs = (TensorSpec(**each | {"shape": tuple(each["shape"])}) for each in document["inputs"])
            read = replace(
                cls(**{name: value for name, value in document.items() if name != "format"}),
                classes=tuple(document["classes"]),
                inputs=tuple(inputs),
                files={name: FileEntry(**entry) for name, entry in document["files"].items()},
            )
            _check_figures(read, document["format"])
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ArtefactError(f"{MANIFEST} is not a manifest of format {FORMAT} ({error})") from error
        return read


def _check_figures(manifest: Manifest, written: int) -> None:
    if written != FORMAT:
        raise ValueError(f"format {written}")
    if not manifest.classes or not all(isinstance(each, str) for each in manifest.classes):
        raise ValueError("no classes")
    if not isinstance(manifest.settings, dict):
        raise TypeError("settings")
    if not 0 <= manifest.parity <= MAX_PARITY:
        raise ValueError(f"parity {manifest.parity:g}, above {MAX_PARITY:g}")
    if not all(math.isfinite(each) for each in manifest.metrics.values()):
        raise ValueError("a metric is no number")
