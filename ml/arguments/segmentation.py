"""Parsers of the segmentation of brain tumours: `phantoms`, `train`, `evaluate`, `predict`."""

from pathlib import Path

from ml.arguments.common import Commands, add, add_json, add_require, at_least_one


def add_segmentation(commands: Commands, train: Commands, evaluate: Commands, predict: Commands) -> None:
    """Add what trains segmentation, judges it and asks it."""
    about = "write made patients with brain tumours, to try training on"
    phantoms = add(commands, "phantoms", about, "segmentation:phantoms")
    phantoms.add_argument("--output", type=Path, required=True, help="folder to make")
    phantoms.add_argument("--count", type=at_least_one, default=30, help="so many patients (30)")
    phantoms.add_argument("--seed", type=int, default=0, help="what is drawn (0)")
    data = "folder of patients, each with its images and seg.nii.gz"
    learn = add(train, "segmentation", "train the segmentation of brain tumours", "segmentation:train")
    judge = add(evaluate, "segmentation", "the segmentation of brain tumours", "segmentation:evaluate")
    for each in (learn, judge):
        each.add_argument("--data", type=Path, required=True, help=data)
        each.add_argument("--seed", type=int, default=0, help="of the patients held out (0)")
        add_json(each)
        add_require(each)
    learn.add_argument("--images", nargs="+", default=["flair", "t1c"], help="what to show (flair t1c)")
    learn.add_argument("--run-name", default="unet-2d", help="name of the run in MLflow (unet-2d)")
    learn.add_argument("--epochs", type=at_least_one, default=12, help="times every slice is shown (12)")
    learn.add_argument("--output", type=Path, required=True, help="folder to make, for the artefact")
    judge.add_argument("--model", default="champion", help="an alias or an artefact's folder")
    ask = add(predict, "segmentation", "segment a brain tumour", "segmentation:predict")
    ask.add_argument("--input", type=Path, nargs="+", required=True, help="the images, in the model's order")
    ask.add_argument("--model", default="champion", help="an alias or an artefact's folder")
    ask.add_argument("--output", type=Path, required=True, help="the label map to write (.nii.gz)")
