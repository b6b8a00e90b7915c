"""A version of a model as a sealed folder: its files, a manifest of them, and the manifest's HMAC.

`manifest.json` names every file with its size and SHA-256 and says what the model is; `manifest.hmac` is an
HMAC-SHA256 of it by the site's key. The SHA-256 of the manifest is thus that of everything: the artefact's
digest. Nothing of a folder is interpreted before its seal has been verified, and what a sealed folder may
hold is a short list: ONNX graphs, Keras archives of Keras' own layers, texts.
"""

import hashlib
import hmac
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

MANIFEST = "manifest.json"
SEAL = "manifest.hmac"
CARD = "card.md"
GRAPH = "model.onnx"
KERAS = "model.keras"
FORMAT = 1

MAX_FILES = 16
MAX_MANIFEST = 256 * 1024
MAX_FILE = 64 * 1024 * 1024

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


class ArtefactError(OSError):
    """A folder that is no sealed artefact, or holds what none may hold; the message says what."""


@dataclass(frozen=True)
class TensorSpec:
    """A tensor a graph takes.

    Parameters
    ----------
    name : str
        As in the graph.
    shape : tuple of int or None
        None where it may be anything.
    dtype : str
        NumPy's name: ``float32``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Conformal:
    """What belongs to a conformal set.

    Parameters
    ----------
    coverage : float
        The share of cases whose set is to hold the truth: 0.9.
    thresholds : tuple of float
        A class is in the set when its calibrated probability is at least this; one for each class.
    """

    coverage: float
    thresholds: tuple[float, ...]


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
        Which kind of question it answers: ``beats``.
    architecture : str
        ``cnn-lstm`` or ``best``.
    classes : tuple of str
        In the order of the graph's outputs.
    inputs : tuple of TensorSpec
        What the graph takes.
    temperature : float
        What the logarithms of its probabilities are divided by.
    conformal : Conformal
        What belongs to a set.
    metrics : mapping of str to float
        As it was evaluated.
    parity : float
        The largest difference between the graph's and the Keras model's answers, on real inputs.
    data_hash, code_version : str
        Of what it was trained on, and with.
    created : str
        ISO 8601, UTC.
    licence, citation : str
        Of the weights, and of the data they come from.
    settings : mapping
        What its family needs to know besides.
    files : mapping of str to FileEntry
        Every file but the manifest and its seal.
    """

    family: str
    architecture: str
    classes: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    temperature: float
    conformal: Conformal
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
            When it is none of this format.
        """


@dataclass(frozen=True)
class Artefact:
    """A folder whose seal and contents have been verified.

    Parameters
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it is.
    digest : str
        SHA-256 of the manifest, and through it of everything.
    """

    folder: Path
    manifest: Manifest
    digest: str

    def read(self, name: str) -> bytes:
        """Return a file's bytes, held against the manifest once more: these are the bytes to use."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(each.size for each in self.manifest.files.values())


def write_artefact(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> str:
    """Write an artefact that is not sealed yet into a new folder, and return its digest."""
    raise NotImplementedError


def seal(folder: Path, key: bytes) -> Artefact:
    """Sign what lies in a folder, if it may be signed: everything but the HMAC is verified first."""
    raise NotImplementedError


def open_sealed(folder: Path, key: bytes, digest: str | None = None) -> Artefact:
    """Verify a sealed folder and return what it holds.

    Parameters
    ----------
    folder : Path
        Where it lies.
    key : bytes
        The site's key.
    digest : str or None
        What its digest must be.

    Raises
    ------
    ArtefactError
        When anything is missing, superfluous, damaged, not signed by this key, or of a kind that is refused.
    """
    raise NotImplementedError
