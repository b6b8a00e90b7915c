"""The languages people are spoken to in."""

from enum import StrEnum

from ml.language.types import Language as OntologyLanguage
from schema.context import Context
from schema.types.enums import describe_enum


class Language(StrEnum):
    """What pages and messages are written in."""

    FR = "fr"
    EN = "en"


describe_enum(Language, "Language", "A language of the platform.", "French.", "English.")


def spoken(context: Context) -> OntologyLanguage:
    """Return the language to name concepts in for the viewer."""
    return "en" if context.language == "en" else "fr"
