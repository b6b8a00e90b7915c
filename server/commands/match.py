"""`match`: read texts about ECGs into concepts."""

import argparse
import json
import sys
from contextlib import ExitStack

from ml.language.batch import answer_reader, read_lines
from ml.language.ontology import OntologyError


def run(options: argparse.Namespace) -> int:
    """Write one line for every line of the input; exit status 2 when a file cannot be used."""
    try:
        reader = answer_reader(options.ontology)
    except (OntologyError, OSError) as error:
        print(f"{options.ontology}: {error}", file=sys.stderr)
        return 2
    if reader.faults:
        print(f"{options.ontology}: what is sound is used; {len(reader.faults)} faults", file=sys.stderr)
    if options.faults:
        print(*reader.faults, sep="\n", file=sys.stderr)
    try:
        with ExitStack() as opened:
            source, target = sys.stdin, sys.stdout
            if options.input:
                source = opened.enter_context(options.input.open(encoding="utf-8"))
            if options.output:
                target = opened.enter_context(options.output.open("w", encoding="utf-8"))
            for found in read_lines(source, reader, options.language):
                print(json.dumps(found), file=target)
    except (OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
