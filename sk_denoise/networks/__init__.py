"""All use of scikeras, Keras and TensorFlow, except for downloading MNIST: architectures, training, export."""

from . import processes  # noqa: F401 - registers the fork handler on import
