"""Errors of the models.

MlError
├── FeatureError          rows that cannot become a feature matrix
├── LabelsError           labels that cannot train or judge a model
├── OptionsError          hyperparameters that no member can be fitted with
├── NotFittedError        a scorer was asked before it was fitted
├── CatalogueError        a data file of rules that cannot be read
├── ForeignCheckpoint     the state of an online model that this process cannot go on with: rebuild it
├── SamplerMissing        the search for hyperparameters lacks its sampler: install the extra
├── NoCommonHourError     no hour suits every place in which a person may be
└── ArtifactError         bytes that are not a model of ours
    ├── ArtifactFormatError     another format or feature version: retrain
    ├── ArtifactCorruptedError  a byte was changed
    └── ArtifactKindError       a kind of model this version does not know
"""

from __future__ import annotations


class MlError(Exception):
    """Something went wrong in the models."""


class FeatureError(MlError):
    """Rows cannot become a feature matrix."""


class LabelsError(MlError):
    """Labels cannot train or judge a model."""


class OptionsError(MlError):
    """A hyperparameter lies outside of what a member can be fitted with."""


class NotFittedError(MlError):
    """The scorer has not been fitted: call `fit` or load an artifact first."""


class CatalogueError(MlError):
    """A data file of rules cannot be read; the message names the place."""


class ForeignCheckpoint(MlError):  # noqa: N818 - says the fact
    """A checkpoint of an online model is not of this format, River or Python, or was changed: rebuild it by replay."""


class SamplerMissing(MlError):  # noqa: N818 - says the fact
    """The search needs optuna, which is not installed: run `pip install "hearth[automl]"` where training runs."""


class NoCommonHourError(MlError):
    """No hour suits every place in which the person may be: tell its state or time zone, or open longer hours."""


class ArtifactError(MlError):
    """The bytes are not a model of ours."""


class ArtifactFormatError(ArtifactError):
    """The artifact was written by another version: train the model again."""


class ArtifactCorruptedError(ArtifactError):
    """The artifact was changed after it was written: restore it or train the model again."""


class ArtifactKindError(ArtifactError):
    """The artifact holds a kind of model this version does not know."""
