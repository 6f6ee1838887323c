"""The only folder that knows scikeras, Keras and TensorFlow: architectures, training, inference, export."""

from . import processes  # noqa: F401 - watches for forks from the start
