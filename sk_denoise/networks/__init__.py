"""Everything that uses Keras, scikeras or TensorFlow, except the MNIST download: architectures, training, export."""

from . import processes  # noqa: F401 - registers the fork handler on import
