"""Settling what is held: masked or called harmless, then added; or discarded."""

from typing import Annotated

import strawberry

from ml.ecg.editing import Mask
from schema.context import Info
from schema.permissions import Refusal, mutation_field
from schema.policy import Scope
from schema.services.held_pages import Ruling
from schema.types.base import local_key
from schema.types.cases import Case


@strawberry.input(description="A box to black out, in shares of the picture, 0 to 1.")
class BoxInput:
    """A box."""

    left: float = strawberry.field(description="Its left side, of the picture's width.")
    top: float = strawberry.field(description="Its upper side, of the picture's height.")
    right: float = strawberry.field(description="Its right side.")
    bottom: float = strawberry.field(description="Its lower side.")


@strawberry.input(description="What becomes of a held page: each text found is in one of the two lists.")
class SettleHeldPageInput:
    """A page and what was decided."""

    id: strawberry.ID = strawberry.field(description="The page.")
    masked: list[int] = strawberry.field(description="Numbers of the regions to black out.")
    harmless: list[int] = strawberry.field(description="Numbers of those that name nobody, and stay.")
    boxes: list[BoxInput] = strawberry.field(
        default_factory=list, description="What else is to be blacked out, at most 10."
    )
    looked: bool = strawberry.field(
        default=False,
        description="That you have looked at the whole page yourself; needed where text was not looked for.",
    )


@strawberry.input(description="A held page to remove.")
class DiscardHeldPageInput:
    """A page."""

    id: strawberry.ID = strawberry.field(description="The page.")


@strawberry.type(description="A held page that is no more.")
class DiscardedHeldPage:
    """What is left of it."""

    held_page_id: strawberry.ID = strawberry.field(description="The id it had.")


SettleHeldPageResult = Annotated[
    Case | Refusal,
    strawberry.union("SettleHeldPageResult", description="The case with the page, or why it still waits."),
]
DiscardHeldPageResult = Annotated[
    DiscardedHeldPage | Refusal,
    strawberry.union("DiscardHeldPageResult", description="The id, or why the page was left."),
]


@strawberry.type
class HeldPageMutations:
    """Changes to held pages."""

    @mutation_field(
        Scope.CASES_WRITE,
        "Blacks out what is not harmless in a held page and adds it to its case, after the others.",
    )
    async def settle_held_page(self, info: Info, input: SettleHeldPageInput) -> SettleHeldPageResult:  # noqa: A002
        """Settle one page."""
        key, context = local_key(input.id, "HeldPage"), info.context
        boxes = [Mask(box.left, box.top, box.right, box.bottom) for box in input.boxes]
        ruling = Ruling(input.masked, input.harmless, boxes, looked=input.looked)
        held_pages, viewer = context.services.held_pages, context.viewer
        return Case.of(await context.call(lambda: held_pages.settle(viewer, key, ruling)))

    @mutation_field(Scope.CASES_WRITE, "Removes a held page; it becomes no recording.")
    async def discard_held_page(self, info: Info, input: DiscardHeldPageInput) -> DiscardHeldPageResult:  # noqa: A002
        """Discard one page."""
        key, context = local_key(input.id, "HeldPage"), info.context
        held_pages, viewer = context.services.held_pages, context.viewer
        await context.call(lambda: held_pages.discard(viewer, key))
        return DiscardedHeldPage(held_page_id=input.id)
