"""A model as a transformer of scikit-learn: rows of numbers in, codes out.

Example:
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from vsclib.sklearn import SparseCoder
    >>> rows = np.random.default_rng(0).normal(size=(200, 6))
    >>> coder = SparseCoder("vsc", latents=8, steps=20, hidden=16, random_state=0)
    >>> make_pipeline(StandardScaler(), coder).fit_transform(rows).shape
    (200, 8)
"""

from typing import Any, Self, no_type_check

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from vsclib import models, training
from vsclib.errors import DataError
from vsclib.metrics.codes import codes, reconstruct
from vsclib.models import Code

REAL = "gaussian_real"
"""The likelihood of numbers of any range."""

OF_TRAINING = ("steps", "batch_size", "learning_rate", "device", "random_state")
"""Parameters that the model is not made with."""


class SparseCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A model of real-valued rows, trained by ``fit``; ``transform`` gives its mean codes.

    The likelihood is a Gaussian of one fixed ``sigma``, so bring the columns to one scale first, as
    scikit-learn's ``StandardScaler`` does.

    Args:
        model: name of a family or preset, as :func:`vsclib.models.create` takes it.
        latents: J, the columns of a code.
        steps: updates of the weights.
        batch_size: rows of an update; all rows where there are fewer.
        learning_rate: step size of Adam; None takes the family's.
        device: where to train.
        random_state: of weights and draws; a whole number repeats a training bit for bit.
        **options: further options of the family, such as ``alpha``, ``hidden`` or ``sigma``; they
            are parameters like the others, in a grid search too.

    Attributes:
        model_: the trained model.
        history_: the history of its training.
        n_features_in_: number of columns that it was trained on.
    """

    steps: int
    batch_size: int
    learning_rate: float | None
    device: str
    random_state: Any

    @no_type_check  # scikit-learn wants nothing checked before fit
    def __init__(
        self,
        model: str = "vsc",
        latents: int = 20,
        steps: int = 2000,
        batch_size: int = 100,
        learning_rate: float | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        **options: Any,
    ) -> None:
        self.model = model
        self.latents = latents
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state
        self.__dict__.update(options)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, options of the family among them."""
        return {name: v for name, v in vars(self).items() if name.strip("_") == name}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``fit`` refuses an option that the family does not have."""
        self.__dict__.update(params)
        return self

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a model on rows (n, d) of finite numbers; ``y`` is not used.

        Raises:
            ValueError: X is no such matrix of two rows or more, or a VsclibError: an option is
                unknown or out of range, or the training diverged.
        """
        rows = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)  # (n, d)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        given = {name: v for name, v in self.get_params().items() if name not in OF_TRAINING}
        shape = {"image_shape": (1, 1, rows.shape[1]), "seed": seed}
        self.model_ = models.create(given.pop("model"), **{"likelihood": REAL} | given | shape)
        self.history_ = training.fit(
            self.model_,
            _as_images(rows),
            steps=self.steps,
            batch_size=min(self.batch_size, len(rows)),
            learning_rate=self.learning_rate or self.model_.learning_rate,
            device=self.device,
            seed=seed,
            progress=False,
        )
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Mean codes (n, J), float32, of rows (n, d): exactly zero where a sparse latent is off."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return codes(self.model_, _as_images(rows)).z.numpy()

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The decoder's mean rows (n, d), float32, for codes (n, J)."""
        check_is_fitted(self)
        z = torch.from_numpy(check_array(X, dtype=np.float32, copy=True))  # (n, J)
        if z.shape[1] != self.model_.latents:
            raise DataError(
                f"codes shaped {tuple(z.shape)} do not fit {self.model_.latents} latents: give "
                "what transform gives"
            )
        return reconstruct(self.model_, Code(z, z != 0)).flatten(1).numpy()

    @property
    def _n_features_out(self) -> int:
        return self.model_.latents

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _as_images(rows: np.ndarray) -> np.ndarray:
    return rows[:, None, None, :]  # (n, 1, 1, d)
