"""`rulings export`: teachers' rulings as examples; no other command writes students' texts out."""

import argparse
import json
import os
import sys
from pathlib import Path

from ml.language.masking import Masker
from ml.language.ontology import load_ontology
from schema.services.clock import now
from schema.services.contests import record_export, ruled_examples
from server.opening import opened
from server.settings import load_settings


def export(options: argparse.Namespace) -> int:
    """Write one line for every ruling to a new file that only this account reads, and put it on record.

    Nothing is written before that is on record. Exit status 2 when the file cannot be made.
    """
    masker = Masker.of(load_ontology())
    with opened(load_settings()) as database:
        with database.read() as session:
            lines = [json.dumps(example, ensure_ascii=False) for example in ruled_examples(session, masker)]
        try:
            made = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            print(error, file=sys.stderr)
            return 2
        try:
            with open(made, "w", encoding="utf-8") as target:  # noqa: PTH123 - a descriptor has no path
                with database.write() as session:
                    record_export(session, now, len(lines))
                target.writelines(f"{line}\n" for line in lines)
        except BaseException as error:
            Path(options.output).unlink()
            if not isinstance(error, OSError):
                raise
            print(error, file=sys.stderr)
            return 2
    print(f"Rulings written to {options.output}: {len(lines)}")
    return 0
