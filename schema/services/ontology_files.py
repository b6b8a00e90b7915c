"""Ontology files that experts send."""

import re
import tempfile
from pathlib import Path
from typing import IO

from ml.language.checking import Fault, OntologyError
from ml.language.importing import Imported, import_ontology
from ml.language.normalising import plain
from ml.language.ontology import Ontology
from schema.errors import FieldProblem, ValidationFailedError

MAX_FILE_BYTES = 20_000_000
_CHUNK = 1 << 16


def read_upload(name: str, upload: IO[bytes], ours: Ontology) -> Imported:
    """Read an ontology file someone sent; slow, so never inside a transaction.

    Raises
    ------
    ValidationFailedError
        At `file`, with what keeps it from being read, or every fault of a file of our own form.
    """
    stem = re.sub(r"[^a-z0-9]+", "-", plain(name)).strip("-")[:40] or "import"
    with tempfile.TemporaryDirectory(prefix="chevet-") as folder:
        path = Path(folder) / stem
        size = 0
        with path.open("wb") as staged:
            while chunk := upload.read(_CHUNK):
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    limit = MAX_FILE_BYTES // 1_000_000
                    raise ValidationFailedError.of("file", "file_too_large", megabytes=limit)
                staged.write(chunk)
        try:
            return import_ontology(path, ours)
        except OntologyError as error:
            raise ValidationFailedError([_file_problem(fault) for fault in error.faults[:100]]) from None


def _file_problem(fault: Fault) -> FieldProblem:
    return FieldProblem(("file",), "ontology_fault", (("place", fault.place), ("fault", fault.message)))
