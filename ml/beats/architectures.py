"""The architectures by name."""

from collections.abc import Callable, Mapping

from ml.beats.best import Best
from ml.beats.cnn_lstm import CnnLstm
from ml.beats.learning import Learner

ARCHITECTURES: Mapping[str, Callable[[], Learner]] = {"cnn-lstm": CnnLstm, "best": Best}
