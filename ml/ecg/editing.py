"""Steps that edit a picture of an ECG, kept beside it as JSON and applied in their order.

Light: Pillow is imported with the first picture, so that a process that only reads steps has none of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from math import ceil, cos, floor, radians, sin
from typing import TYPE_CHECKING, Any

from ml.ecg.decoded import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

MOST_STEPS = 50
MOST_DEGREES = 15.0
LEAST_SHARE = 0.01
"""Of each side of a picture, what a crop leaves at least."""
LEAST_PX = 16
"""Of each side of an edited picture."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Keep a part of the picture; sides are shares, 0 to 1, of the picture as it stands at this step."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn the picture clockwise by 1 to 3 quarters."""

    quarters: int


@dataclass(frozen=True, slots=True)
class Straighten:
    """Turn the picture clockwise by some degrees, -15 to 15; it grows, and its corners are white."""

    degrees: float


@dataclass(frozen=True, slots=True)
class Mask:
    """Paint a part black; sides are shares, 0 to 1, of the picture as it stands at this step."""

    left: float
    top: float
    right: float
    bottom: float


Step = Crop | Rotate | Straighten | Mask
Size = tuple[int, int]

_KINDS: Mapping[str, type[Step]] = {"crop": Crop, "rotate": Rotate, "straighten": Straighten, "mask": Mask}
_RANGES = {"quarters": (1, 3), "degrees": (-MOST_DEGREES, MOST_DEGREES)}
"""Of what is not a share of a side."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a list of steps.

    Attributes
    ----------
    path : tuple of str
        Where it lies, such as ``("2", "crop", "left")``.
    code : str
        ``required``, ``unknown_choice``, ``not_a_number``, ``out_of_range``, ``nothing_left``, ``too_many``.
    limits : dict of str to float
        What the code's words need: ``minimum`` and ``maximum``.
    """

    path: tuple[str, ...]
    code: str
    limits: dict[str, float]


class StepsError(ValueError):
    """Steps that cannot be read; `faults` has all that is wrong with them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(", ".join(f"{'.'.join(fault.path)}: {fault.code}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Steps that would lay a picture straight.

    Attributes
    ----------
    found : bool
        Whether the picture has a grid to go by.
    steps : tuple of Step
        What to do; nothing where it is straight already, and holds little but its grid.
    """

    found: bool
    steps: tuple[Step, ...] = ()


class Uneditable(Enum):
    """Why steps that can be read cannot be applied to a picture."""

    TOO_SMALL = "too_small"
    TOO_MANY_PIXELS = "too_many_pixels"


class EditError(Exception):
    """Steps that would leave a picture too small or too large."""

    def __init__(self, reason: Uneditable) -> None:
        super().__init__(reason.value)
        self.reason = reason


def parse(steps: object) -> tuple[Step, ...]:
    """Read steps from their JSON: a list of ``{"crop": {"left": 0.1, …}}``, one key each.

    Raises
    ------
    StepsError
        With every fault at once.
    """
    if not isinstance(steps, list):
        raise StepsError([Fault((), "required", {})])
    if len(steps) > MOST_STEPS:
        raise StepsError([Fault((), "too_many", {"maximum": MOST_STEPS})])
    faults = [fault for index, step in enumerate(steps) for fault in _faults(str(index), step)]
    if faults:
        raise StepsError(faults)
    return tuple(_KINDS[kind](**values) for step in steps for kind, values in step.items())


def written(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the JSON that `parse` reads."""
    names = {kind: name for name, kind in _KINDS.items()}
    return [{names[type(step)]: asdict(step)} for step in steps]


def apply(picture: "Image.Image", steps: Sequence[Step]) -> "Image.Image":
    """Return the edited picture; the one given, in mode L or RGB, is left as it is.

    Raises
    ------
    EditError
        Before room is made for a picture that is too large.
    """
    edited = picture.copy()
    for step in steps:
        if isinstance(step, Mask):
            edited.paste("black", _covered(step, edited.size))
            continue
        _check(_size(edited.size, step))
        edited = _moved(edited, step)
    return edited


def size_after(size: Size, steps: Sequence[Step]) -> Size:
    """Return the width and height that steps leave of a picture, a straightened one to some pixels."""
    for step in steps:
        size = _size(size, step)
    return size


def _moved(picture: "Image.Image", step: Crop | Rotate | Straighten) -> "Image.Image":
    from PIL import Image  # noqa: PLC0415 - see above

    if isinstance(step, Crop):
        return picture.crop(_kept(step, picture.size))
    if isinstance(step, Rotate):
        turns = (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
        return picture.transpose(turns[step.quarters - 1])
    # Pillow turns the other way round.
    return picture.rotate(-step.degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def _size(size: Size, step: Step) -> Size:
    width, height = size
    if isinstance(step, Crop):
        left, top, right, bottom = _kept(step, size)
        return right - left, bottom - top
    if isinstance(step, Rotate):
        return (height, width) if step.quarters % 2 else size
    if isinstance(step, Straighten):
        across, down = cos(radians(step.degrees)), abs(sin(radians(step.degrees)))
        return ceil(width * across + height * down), ceil(width * down + height * across)
    return size


def _check(size: Size) -> None:
    if min(size) < LEAST_PX:
        raise EditError(Uneditable.TOO_SMALL)
    if size[0] * size[1] > MAX_PIXELS:
        raise EditError(Uneditable.TOO_MANY_PIXELS)


def _kept(step: Crop, size: Size) -> tuple[int, int, int, int]:
    """Return the whole pixels a crop keeps: those that lie in it for the most part."""
    width, height = size
    return (
        round(step.left * width),
        round(step.top * height),
        round(step.right * width),
        round(step.bottom * height),
    )


def _covered(step: Mask, size: Size) -> tuple[int, int, int, int]:
    """Return the whole pixels a mask covers: all it touches."""
    width, height = size
    return (
        floor(step.left * width),
        floor(step.top * height),
        ceil(step.right * width),
        ceil(step.bottom * height),
    )


def _faults(index: str, step: object) -> Iterator[Fault]:
    if not isinstance(step, dict) or len(step) != 1:
        yield Fault((index,), "required", {})
        return
    [(name, values)] = step.items()
    if name not in _KINDS:
        yield Fault((index, str(name)), "unknown_choice", {})
        return
    if not isinstance(values, dict):
        yield Fault((index, name), "required", {})
        return
    wanted = [field.name for field in fields(_KINDS[name])]
    for other in sorted(map(str, values.keys() - set(wanted))):
        yield Fault((index, name, other), "unknown_choice", {})
    wrong = [fault for field in wanted for fault in _number_faults((index, name, field), values.get(field))]
    yield from wrong
    if not wrong and name in {"crop", "mask"}:
        yield from _side_faults((index, name), values, LEAST_SHARE if name == "crop" else 0.0)


def _number_faults(path: tuple[str, ...], value: object) -> Iterator[Fault]:
    if value is None:
        yield Fault(path, "required", {})
        return
    whole = path[-1] == "quarters"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        yield Fault(path, "not_a_number", {})
        return
    lowest, highest = _RANGES.get(path[-1], (0.0, 1.0))
    if not lowest <= value <= highest:
        yield Fault(path, "out_of_range", {"minimum": lowest, "maximum": highest})


def _side_faults(path: tuple[str, ...], sides: Mapping[str, float], least: float) -> Iterator[Fault]:
    for near, far in (("left", "right"), ("top", "bottom")):
        between = sides[far] - sides[near]
        if between <= 0 or between < least - 1e-9:
            yield Fault((*path, far), "nothing_left", {"minimum": least})
