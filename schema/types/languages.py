"""The languages people are spoken to in."""

from enum import StrEnum

from schema.types.enums import describe_enum


class Language(StrEnum):
    """What pages and messages are written in."""

    FR = "fr"
    EN = "en"


describe_enum(Language, "Language", "A language of the platform.", "French.", "English.")
