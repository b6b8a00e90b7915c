"""Reading an ontology file of any known form: ours, edu-ecg's JSON, WebProtégé's RDF/XML."""

import json
from dataclasses import dataclass
from pathlib import Path

from ml.language.checking import Fault, OntologyError
from ml.language.crosswalk import Crosswalk
from ml.language.documents import excess, parsed
from ml.language.foreign import bounded, is_foreign, read_foreign
from ml.language.ontology import Ontology, load_ontology, ontology_of
from ml.language.owl import read_owl

LARGEST_IMPORTED = 10**9
"""Number of an ontology's version: each edit adds one, and a database holds twice as many."""
MOST_FOREIGN_NAMES = 20_000
"""Each is read as a text to find out what it says, a millisecond or two."""
_SET_ASIDE = Path(__file__).parent / "data" / "edu-ecg.json"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file holds.

    Attributes
    ----------
    ontology
        What texts are read into: the file's own concepts, or ours with the names and concepts another adds.
    crosswalk
        Between ours and another's identifiers; None for a file of our own form.
    faults
        What was found wrong in another's file and left out.
    """

    ontology: Ontology
    crosswalk: Crosswalk | None = None
    faults: tuple[Fault, ...] = ()


def import_ontology(path: Path, ours: Ontology | None = None) -> Imported:
    """Read a file; its stem begins the identifiers of concepts that only another's file has.

    Parameters
    ----------
    ours
        What another's file is read through; by default as the project ships it.

    Raises
    ------
    OntologyError
        When the file is not an ontology of a known form, or is the project's form and unsound.
    OSError
        When it cannot be read.
    """
    content = path.read_bytes()
    if content.lstrip().startswith(b"<"):
        foreign = read_owl(path)
    else:
        document = parsed(content)
        if not is_foreign(document):
            return Imported(ontology_of(_within_limits(document)))
        foreign = read_foreign(path)
    names = sum(len(each.names) for each in foreign.concepts)
    if names > MOST_FOREIGN_NAMES:
        raise OntologyError([Fault("file", "too_many_names", (str(MOST_FOREIGN_NAMES),))])
    set_aside = json.loads(_SET_ASIDE.read_text(encoding="utf-8"))["set_aside"]
    crosswalk = Crosswalk(ours or load_ontology(), foreign, set_aside)
    bounded(crosswalk.faults)
    return Imported(crosswalk.ontology, crosswalk, crosswalk.faults)


def _within_limits(document: object) -> object:
    if not isinstance(document, dict):
        return document
    entries, number = document.get("concepts"), document.get("version")
    faults = list(excess(entries)) if isinstance(entries, dict) else []
    if isinstance(number, int) and number > LARGEST_IMPORTED:
        faults.append(Fault("version", "bad_version"))
    if faults:
        raise OntologyError(faults)
    return document
