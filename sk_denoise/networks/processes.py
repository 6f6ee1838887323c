"""TensorFlow and processes: it hangs in processes forked after it has run, and uses all cores in each worker."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import sys

from .._core.sklearn_glue import effective_n_threads

_is_unusable = False  # in this process


def _has_run():
    """True if TensorFlow has computed something in this process; importing it does no harm."""
    module = sys.modules.get("tensorflow.python.eager.context")
    context = None if module is None else module.context_safe()
    # There is no public name for this. If the private one is missing, assume that TensorFlow has run.
    return context is not None and getattr(context, "_context_handle", True) is not None


def _after_fork():
    global _is_unusable
    _is_unusable = _is_unusable or _has_run()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def prepare():
    """To be called before TensorFlow computes: raise if it would hang, and set the threads of a worker process."""
    if _is_unusable:
        raise RuntimeError(
            "This process was forked from one in which TensorFlow had already run, so TensorFlow would hang. Start"
            " processes with joblib's backend 'loky' (its default), or with multiprocessing.get_context('spawn') or"
            " 'forkserver', or fork before anything is fitted, transformed or built."
        )
    _share_cores()


@functools.cache
def _share_cores():
    """In a worker process, use as many threads as the pool assigned to it; joblib sets OMP_NUM_THREADS.

    Otherwise TensorFlow would start as many threads as there are cores in every worker. The main process keeps the
    user's settings.
    """
    import tensorflow as tf

    chosen = tf.config.threading.get_intra_op_parallelism_threads() or os.environ.get("TF_NUM_INTRAOP_THREADS")
    if chosen or multiprocessing.current_process().name == "MainProcess":
        return
    # Raises RuntimeError if the worker has already used TensorFlow: then its threads were chosen elsewhere.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(effective_n_threads())
        tf.config.threading.set_inter_op_parallelism_threads(effective_n_threads())
