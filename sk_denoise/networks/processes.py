"""Multiprocessing with TensorFlow, which hangs after a fork and otherwise uses all cores in each worker."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import sys

from .._core.sklearn_glue import effective_n_threads

_is_unusable = False  # in this process


def _has_run():
    """True if TensorFlow has computed anything in this process; importing it is harmless."""
    module = sys.modules.get("tensorflow.python.eager.context")
    context = None if module is None else module.context_safe()
    # There is no public API for this. If the private attribute is missing, assume that TensorFlow has run.
    return context is not None and getattr(context, "_context_handle", True) is not None


def _after_fork():
    global _is_unusable
    _is_unusable = _is_unusable or _has_run()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def prepare():
    """Call before using TensorFlow: raise if it would hang, and set the number of threads in worker processes."""
    if _is_unusable:
        raise RuntimeError(
            "This process was forked from one in which TensorFlow had already run, so TensorFlow would hang. Start"
            " processes with joblib's default backend 'loky', or with multiprocessing.get_context('spawn') or"
            " 'forkserver', or fork before the first fit, transform or access to model_."
        )
    _share_cores()


@functools.cache
def _share_cores():
    """In a worker process, limit TensorFlow to the threads assigned to it; joblib and dask set OMP_NUM_THREADS.

    By default, TensorFlow would start one thread per core in every worker. In the main process, the user's settings are
    kept.
    """
    import tensorflow as tf

    chosen = tf.config.threading.get_intra_op_parallelism_threads() or os.environ.get("TF_NUM_INTRAOP_THREADS")
    if chosen or multiprocessing.current_process().name == "MainProcess":
        return
    n_threads = effective_n_threads()
    # RuntimeError means that the worker has already used TensorFlow, so its threads were set elsewhere.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        # Networks run in these threads, whichever thread calls them, so each task of a dask worker needs one.
        worker = dask_worker()
        n_tasks = 1 if worker is None else worker.state.nthreads
        tf.config.threading.set_inter_op_parallelism_threads(max(n_threads, n_tasks))


def dask_worker():
    """Return the worker of a dask cluster if this is called from one of its tasks, else None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_worker()
    except ValueError:
        return None
