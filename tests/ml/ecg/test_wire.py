import json

import pytest

from ml.ecg.decoded import Decoded, DecodeError, DecodeFailure
from ml.ecg.editing import Proposal, Straighten
from ml.ecg.wire import pack, unpack, unpack_proposal

DECODED = Decoded(
    "signal", "a/b", b"original", b"drawn", "image/png", b"small", 3, 4, 12.0, ("I", "II"), 500.0, 10.0
)


def sent(*pages: Decoded) -> bytearray:
    return bytearray(b"".join(pack(pages)))


def test_what_is_packed_is_unpacked() -> None:
    assert unpack(sent(DECODED)) == [DECODED]


def test_a_picture_is_sent_once_when_it_is_its_own_rendering() -> None:
    same = Decoded("image", "a/b", b"x" * 10_000, b"x" * 10_000, "a/b", b"t", 1, 1)
    assert len(sent(same)) < 11_000
    assert unpack(sent(same)) == [same]


def test_pages_arrive_in_order_each_with_its_own_bytes() -> None:
    same = Decoded("image", "a/b", b"x" * 10, b"x" * 10, "a/b", b"t", 1, 1)
    assert unpack(sent(DECODED, same, DECODED)) == [DECODED, same, DECODED]


@pytest.mark.parametrize("code", list(DecodeFailure))
def test_a_failure_arrives_as_itself(code: DecodeFailure) -> None:
    with pytest.raises(DecodeError) as caught:
        unpack(bytearray(b"".join(pack(code))))
    assert caught.value.code is code


def header(**changes: object) -> bytes:
    line, _, body = sent(DECODED).partition(b"\n")
    [page] = json.loads(line)["pages"]
    return json.dumps({"pages": [{**page, **changes}]}).encode() + b"\n" + bytes(body)


@pytest.mark.parametrize(
    "message",
    [
        b"\x80\x04garbage",
        b"[]\n",
        b"{}\n",
        b'{"pages": []}\n',
        b'{"pages": {}}\n',
        b'{"pages": 3}\n',
        b'{"failure": "a new one"}\n',
        bytes(sent(DECODED)[:-1]),
        header(sizes=[1, 2, 3]),
        header(sizes=[-1, 18, 1]),
        header(sizes="abc"),
        header(surprise=1),
        header(leads=5),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_crash(message: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        unpack(bytearray(message))
    assert caught.value.code is DecodeFailure.CRASHED


@pytest.mark.parametrize("proposal", [Proposal(found=False), Proposal(found=True, steps=(Straighten(-1.5),))])
def test_a_proposal_arrives_as_it_was(proposal: Proposal) -> None:
    assert unpack_proposal(bytearray(b"".join(pack(proposal)))) == proposal


@pytest.mark.parametrize("message", [b"{}\n", b'{"found": true, "steps": [{"melt": {}}]}\n', b"[]\n"])
def test_a_proposal_that_makes_no_sense_is_a_crash(message: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        unpack_proposal(bytearray(message))
    assert caught.value.code is DecodeFailure.CRASHED
