"""The node that a prediction is, by its family."""

from schema.models.predictions import ModelFamily
from schema.models.predictions import Prediction as PredictionRow
from schema.types.predictions import BeatPrediction, Prediction
from schema.types.segmentations import SegmentationPrediction
from schema.types.triage import TriagePrediction


def prediction_of(row: PredictionRow) -> Prediction:
    """Return the node of a row of any family."""
    match ModelFamily(row.family):
        case ModelFamily.BEATS:
            return BeatPrediction.of(row)
        case ModelFamily.TRIAGE:
            return TriagePrediction.of(row)
        case ModelFamily.SEGMENTATION:
            return SegmentationPrediction.of(row)
