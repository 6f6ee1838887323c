"""The only folder that knows scikeras, Keras and TensorFlow: architectures, training, inference, export."""
