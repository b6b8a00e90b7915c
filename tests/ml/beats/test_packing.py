import numpy as np

from ml.beats.packing import KeptBeats, pack, unpack


def answer(beats: int) -> KeptBeats:
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([0.2] * 5, beats)
    return KeptBeats(
        ("Normal", "LBBB", "RBBB", "APB", "PVC"),
        ("II", "V1"),
        360.0,
        np.cumsum(random.integers(100, 400, beats)).astype(np.int64),
        probabilities.argmax(axis=1).astype(np.uint8),
        probabilities,
        probabilities > 0.1,
    )


def test_what_was_packed_comes_out_the_same() -> None:
    for beats in (0, 1, 7, 1000):
        before, after = answer(beats), unpack(pack(answer(beats)))
        assert (after.classes, after.leads, after.sampling_rate_hz) == (
            before.classes,
            before.leads,
            before.sampling_rate_hz,
        )
        np.testing.assert_array_equal(after.positions, before.positions)
        np.testing.assert_array_equal(after.labels, before.labels)
        np.testing.assert_array_equal(after.sets, before.sets)
        np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-5)


def test_a_beat_takes_a_dozen_bytes() -> None:
    assert len(pack(answer(10_000))) < 10_000 * 16


def test_counts_and_confidences_are_of_the_labels() -> None:
    kept = unpack(pack(answer(100)))
    assert sum(kept.counts().values()) == len(kept) == 100
    np.testing.assert_allclose(kept.confidences, kept.probabilities.max(axis=1))
