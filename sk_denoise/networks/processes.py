"""Processes forked from one in which TensorFlow has run: it waits for threads there that do not exist."""

from __future__ import annotations

import os
import sys

_is_unusable = False  # in this process


def _has_run():
    """True where TensorFlow has computed something in this process; importing it does no harm."""
    module = sys.modules.get("tensorflow.python.eager.context")
    context = None if module is None else module.context_safe()
    # TensorFlow tells by no public name. Without this one, take it to have run.
    return context is not None and getattr(context, "_context_handle", True) is not None


def _after_fork():
    global _is_unusable
    _is_unusable = _is_unusable or _has_run()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_not_forked():
    """Refuse to go on where TensorFlow would wait for ever."""
    if _is_unusable:
        raise RuntimeError(
            "This process was forked from one in which TensorFlow had run already, and there TensorFlow waits for ever."
            " Start processes with joblib's backend 'loky' (its default), or with"
            " multiprocessing.get_context('spawn') or 'forkserver', or fork before anything is fitted, transformed or"
            " built."
        )
