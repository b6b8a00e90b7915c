"""What is sealed for one account is nothing to anybody else."""

import pytest

from schema.errors import NotFoundError
from schema.services.passwords import Passwords
from schema.services.sealing import Seal

PASSWORDS = Passwords(b"k" * 32)
SEAL = Seal(PASSWORDS, "series")


@pytest.mark.parametrize(
    "seal, account_id",
    [(SEAL, 2), (Seal(PASSWORDS, "other"), 1), (Seal(Passwords(b"l" * 32), "series"), 1)],
)
def test_another_account_purpose_or_site_opens_nothing(seal: Seal, account_id: int) -> None:
    with pytest.raises(NotFoundError):
        seal.open(account_id, SEAL.seal(1, "1.2.3"))


@pytest.mark.parametrize("forged", ["", "x", "é", "AAAA", "A" * 50, SEAL.seal(1, "1.2.3")[:-4]])
def test_what_was_not_sealed_here_opens_to_nothing(forged: str) -> None:
    with pytest.raises(NotFoundError):
        SEAL.open(1, forged)


def test_a_seal_hides_its_text_and_is_the_same_every_time() -> None:
    sealed = SEAL.seal(1, "1.2.840.10008")
    assert SEAL.open(1, sealed) == "1.2.840.10008"
    assert sealed == Seal(PASSWORDS, "series").seal(1, "1.2.840.10008")
    assert "840" not in sealed
