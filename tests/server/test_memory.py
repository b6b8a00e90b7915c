import gc
from collections.abc import Iterator

import pytest

from server.memory import made_for_good


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    """Let the collector have everything back."""
    yield
    gc.unfreeze()


def test_what_is_made_for_good_is_out_of_the_collectors_sight() -> None:
    with made_for_good():
        made = [[number] for number in range(10_000)]
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(made)
    known = {id(each) for each in gc.get_objects()}
    assert not known & {id(each) for each in made}


def test_the_collector_works_again_when_making_fails() -> None:
    with pytest.raises(ValueError, match="failed"), made_for_good():
        raise ValueError("failed")
    assert gc.isenabled()


def test_later_garbage_is_still_collected() -> None:
    with made_for_good():
        pass
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() >= 1
