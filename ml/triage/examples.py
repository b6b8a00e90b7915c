"""Visits that travel with a model, and what the model it was made of answered: so that others can compare."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ml.triage.features import Visit

EXAMPLES = "examples.json"


@dataclass(frozen=True, slots=True)
class Example:
    """A visit, and the chance of each KTAS level that it was given."""

    visit: Visit
    chances: tuple[float, ...]


def write_examples(examples: Sequence[Example]) -> bytes:
    """Write them as JSON."""
    document = {"examples": [asdict(each) for each in examples]}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def read_examples(data: bytes) -> tuple[Example, ...]:
    """Read what `write_examples` wrote.

    Raises
    ------
    ValueError
        When it is not that.
    """
    try:
        return tuple(
            Example(
                Visit(
                    {str(name): float(value) for name, value in each["visit"]["values"].items()},
                    str(each["visit"]["complaint"]),
                    {},
                ),
                tuple(float(chance) for chance in each["chances"]),
            )
            for each in json.loads(data)["examples"]
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{EXAMPLES}: no examples ({error!r})") from error
