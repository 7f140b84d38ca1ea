"""Training: one loop for every model, with exact resume.

``loop`` holds :func:`fit`, ``config`` its options, ``state`` what a resumed training needs. The
others are its parts: optimisers and schedulers by name, held-out images, what may look on, whose
checkpoint it is, and interruptions.
"""

from vsclib.training.callbacks import (
    BestWeights,
    Callback,
    CSVLog,
    EarlyStopping,
    Progress,
    TensorBoard,
)
from vsclib.training.config import TrainingConfig
from vsclib.training.loop import fit
from vsclib.training.many import Ensemble, fit_many
from vsclib.training.state import History

__all__ = [
    "BestWeights",
    "CSVLog",
    "Callback",
    "EarlyStopping",
    "Ensemble",
    "History",
    "Progress",
    "TensorBoard",
    "TrainingConfig",
    "fit",
    "fit_many",
]
