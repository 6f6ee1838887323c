"""Keras callbacks: check and copy them, and call them from the training loop."""

from __future__ import annotations

import copy

import keras

from .._core.checks import warn_user

_BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def check_callbacks(callbacks):
    """Check that `callbacks` is a list of Keras callbacks, and return deep copies of them."""
    for callback in callbacks or ():
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                f"callbacks must be a list of keras.callbacks.Callback instances, got the item {callback!r}."
            )
    try:
        return copy.deepcopy(list(callbacks or ()))
    except TypeError as error:
        raise ValueError(
            f"callbacks must support copy.deepcopy, because each fit copies them, but copying failed: {error}. Define"
            " __deepcopy__, or create the attributes that cannot be copied in on_train_begin."
        ) from error


def check_rate_callbacks(callbacks, *, scheduled):
    """Warn if a callback sets the learning rate, because the schedule overrides it at the next step."""
    kinds = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
    for callback in callbacks:
        if scheduled and isinstance(callback, kinds):
            warn_user(
                f"{type(callback).__name__} in callbacks has no effect, because learning_rate_schedule='cosine' sets"
                " the learning rate at each step. Pass learning_rate_schedule='constant' to use it."
            )


class Callbacks:
    """Adapter that calls Keras callbacks from the training loop, with ``callbacks(event, *arguments)``."""

    def __init__(self, callbacks, trainer, epochs, n_steps):
        self._model = trainer.model
        self._model.stop_training = False
        self._list = keras.callbacks.CallbackList(
            callbacks, add_history=False, add_progbar=False, model=self._model, epochs=epochs, steps=n_steps, verbose=0
        )
        base = keras.callbacks.Callback
        self.want_batches = any(
            getattr(getattr(callback, event), "__func__", None) is not getattr(base, event)
            for callback in callbacks
            for event in _BATCH_EVENTS
        )

    def __call__(self, event, *arguments):
        getattr(self._list, event)(*arguments)

    @property
    def stop(self):
        """True once a callback has requested that training stop."""
        return bool(self._model.stop_training)
