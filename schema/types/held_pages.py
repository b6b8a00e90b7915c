"""Pages that are held, as the API shows them to whoever sent them."""

from datetime import datetime

import strawberry

from ml.ecg.burned_in.found import Search, TextKind
from schema.models import held_pages as models
from schema.types.base import Node, global_id
from schema.types.enums import describe_enum

describe_enum(
    TextKind,
    "TextKind",
    "What a text in a picture looks like.",
    "A name: of a patient, a doctor, whoever.",
    "A date, of birth or any other.",
    "A number or code that stands for somebody or something.",
    "An address, a telephone or an e-mail.",
    "A hospital, a ward or a town.",
    "Anything that is not known to be harmless.",
)
describe_enum(
    Search,
    "TextSearch",
    "How looking for text in a picture went.",
    "Done: `regions` is what was found.",
    "Not done, since the program that reads text is not installed on this site.",
    "Not done: the program failed, or took too long.",
)


@strawberry.type(description="A part of a picture whose text may say who the patient is; never what it says.")
class TextRegion:
    """A box, in shares of the picture."""

    number: int = strawberry.field(description="By which `settleHeldPage` names it, counted from 1.")
    kind: TextKind = strawberry.field(description="What the text looks like.")
    left: float = strawberry.field(description="Its left side, 0 to 1 of the picture's width.")
    top: float = strawberry.field(description="Its upper side, 0 to 1 of the picture's height.")
    right: float = strawberry.field(description="Its right side.")
    bottom: float = strawberry.field(description="Its lower side.")


@strawberry.type(
    description="A page of a picture or PDF in which text may say who the patient is: no recording of its "
    "case until whoever sent it has settled that. Nobody else sees it."
)
class HeldPage(Node):
    """A page, what was found in it, and how long it waits."""

    case_id: strawberry.ID = strawberry.field(description="The case it is to go to.")
    label: str | None = strawberry.field(description="What it is to be called; null for the next number.")
    picture_url: str = strawberry.field(
        description="Path of the picture as it was sent, on this site, for whoever sent it alone."
    )
    width: int = strawberry.field(description="Of the picture, beside `height`.")
    height: int = strawberry.field(description="Of the picture, beside `width`.")
    search: Search = strawberry.field(description="Whether text was looked for.")
    regions: list[TextRegion] = strawberry.field(description="What was found, at most 40.")
    created_at: datetime = strawberry.field(description="When it was sent.")
    expires_at: datetime = strawberry.field(description="When it is removed if it is not settled.")

    @classmethod
    def of(cls, row: models.HeldPage) -> "HeldPage":
        """Return the node of a row."""
        identifier = global_id("HeldPage", row.id or 0)
        return cls(
            id=identifier,
            case_id=global_id("Case", row.case_id or 0),
            label=row.label,
            picture_url=f"/held/{identifier}/picture",
            width=row.width,
            height=row.height,
            search=Search(row.search),
            regions=[
                TextRegion(number=number, **{**region, "kind": TextKind(region["kind"])})
                for number, region in enumerate(row.regions, start=1)
            ],
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
