"""dask arrays on clusters: the same values as in memory, whatever happens to a worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas
import pytest
from dask_images import ATOL, DENOISERS, GREY, STACK, patched, unet
from helpers import DECIBELS, quick
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV

from sk_denoise import ImageFilter, NoiseInjector, recovery_report

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


class Counted(ImageFilter):
    """A filter that notes each process in which it is unpickled."""

    folder = None

    def __setstate__(self, state):
        super().__setstate__(state)
        if self.folder:
            Path(self.folder, f"{os.getpid()}-{time.monotonic_ns()}").touch()


def noted(block, folder, block_id):
    """Return the chunk, and note in which process it was made."""
    time.sleep(0.1)
    Path(folder, f"{'.'.join(map(str, block_id))}-{os.getpid()}-{time.monotonic_ns()}").touch()
    return block


def dies_once(block, folder, block_id):
    """Kill the worker of one chunk in the middle of the work, once."""
    mark = Path(folder, "killed")
    if block_id == (4, 1, 0) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def n_threads():
    """Numbers of threads within and between operations of TensorFlow in this process, once a network has run."""
    import tensorflow as tf

    unet().fit(STACK[0, :16, :16].reshape(1, -1))
    threads = tf.config.threading
    return threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()


@pytest.fixture(scope="module")
def cluster():
    """Two workers in processes of their own, each with two threads."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=50) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture
def client(cluster):
    """The client alone, without the scheduler of this thread."""
    with dask.config.set(scheduler=None):
        yield cluster


class TestCluster:
    LAZY = da.from_array(np.concatenate([STACK] * 3), chunks=(1, 40, 93))

    @pytest.mark.parametrize("method", ["median", "unet", "dense", "decomposition"])
    def test_the_same_values(self, client, method):
        est = patched(DENOISERS[method]).fit(self.LAZY)
        np.testing.assert_allclose(est.transform(self.LAZY), est.transform(self.LAZY.compute()), rtol=0, atol=ATOL)

    def test_the_model_travels_once_to_each_worker(self, client, tmp_path):
        est = patched(Counted("gaussian", sigma=1.0)).fit(STACK)
        est.denoiser_.folder = str(tmp_path)
        denoised = est.transform(self.LAZY).map_blocks(noted, folder=str(tmp_path), meta=self.LAZY._meta)
        denoised.compute()
        names = [path.name.split("-")[0] for path in tmp_path.iterdir()]
        for pid in client.run(os.getpid).values():
            assert names.count(str(pid)) == 1

    def test_the_result_is_that_of_the_network_at_the_call(self, client):
        rows = STACK[:, :72, :64].reshape(-1, 64)
        est = quick(noise="gaussian", data_range=(0, 1)).fit(rows)
        expected, denoised = est.transform(rows), est.transform(da.from_array(rows, chunks=(50, 64)))
        est.partial_fit(rows)
        np.testing.assert_allclose(denoised, expected, rtol=0, atol=ATOL)

    def test_killed_worker(self, client, tmp_path):
        """The chunks of the killed worker are computed again, and no others."""
        est = patched(GREY).fit(STACK)
        before = set(client.run(os.getpid).values())
        lazy = self.LAZY.map_blocks(dies_once, folder=str(tmp_path), meta=self.LAZY._meta)
        denoised = est.transform(lazy).map_blocks(noted, folder=str(tmp_path), meta=self.LAZY._meta)
        np.testing.assert_allclose(denoised, est.transform(self.LAZY.compute()), rtol=0, atol=ATOL)
        made = [path.name.split("-")[:2] for path in tmp_path.iterdir() if path.name != "killed"]
        killed = before - set(client.run(os.getpid).values())
        assert (tmp_path / "killed").exists() and len(killed) == 1
        kept = [index for index, pid in made if int(pid) not in killed]
        assert len(kept) == len(set(kept)) == self.LAZY.npartitions

    def test_chunk_that_raises_is_named(self, client):
        damaged = self.LAZY.compute()
        damaged[5, 70, 50] = np.nan
        with pytest.raises(ValueError, match="images must hold finite numbers") as caught:
            patched(GREY).fit(STACK).transform(da.from_array(damaged, chunks=(1, 40, 93))).compute()
        assert "chunk (5, 1, 0) of images" in caught.value.__notes__[-1]

    def test_workers_share_the_cores(self, client):
        found = client.submit(n_threads, pure=False).result()
        assert found == (1, 2)  # one within an operation, and as many networks at a time as the worker has threads

    def test_search(self, client):
        noisy = list(STACK + np.random.default_rng(0).normal(0, 0.1, STACK.shape))
        search = GridSearchCV(patched(GREY, data_range=(0, 1)), {"denoiser__sigma": [0.3, 1.0]}, cv=3, n_jobs=2)
        scores = {}
        for backend in ("sequential", "dask"):
            with joblib.parallel_config(backend):
                scores[backend] = search.fit(noisy, list(STACK)).cv_results_["mean_test_score"]
        np.testing.assert_allclose(scores["dask"], scores["sequential"], atol=DECIBELS / 10)

    def test_search_over_a_dask_array_does_not_wait_for_itself(self, client):
        """More fits than the workers have threads, which read their patches on the same workers."""
        noisy = self.LAZY[:3].persist()
        network = patched(quick(noise=NoiseInjector(level=0.1, random_state=0)), patch_shape=(8, 8), data_range=(0, 1))
        search = GridSearchCV(network, {"denoiser__epochs": [1, 2]}, cv=3, n_jobs=2, error_score="raise")
        with joblib.parallel_config("dask"):
            search.fit(noisy, self.LAZY[:3])
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        np.testing.assert_allclose(search.transform(noisy)[0], search.transform(STACK[0]), rtol=0, atol=ATOL)

    def test_report(self, client, digits):
        X, y = digits[0][:120], digits[1][:120]
        tables = []
        for backend in ("sequential", "dask"):
            with joblib.parallel_config(backend):
                report = recovery_report(
                    {"gaussian": ImageFilter("gaussian", sigma=0.5)}, RidgeClassifier(), X, y, levels=[0.3], n_jobs=2
                )
            table = report.to_frame()
            tables.append(table.drop(columns=[name for name in table if name.endswith("_seconds")]))
        pandas.testing.assert_frame_equal(*tables)


def test_four_processes_give_what_two_give(cluster):
    est = patched(DENOISERS["nlm"]).fit(STACK)
    options = {"n_workers": 4, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with dask.config.set(scheduler=None):
        two = cluster.compute(est.transform(TestCluster.LAZY)).result()
        with distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
            four = client.compute(est.transform(TestCluster.LAZY)).result()
    np.testing.assert_array_equal(four, two)
    np.testing.assert_allclose(four, est.transform(TestCluster.LAZY.compute()), rtol=0, atol=ATOL)


def test_cluster_started_by_two_commands(tmp_path):
    command, address = [sys.executable, "-m", "dask"], ["--scheduler-file", str(tmp_path / "cluster.json")]
    commands = [
        [*command, "scheduler", *address, "--port", "0", "--no-dashboard"],
        [*command, "worker", *address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"],
    ]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    options = {"env": env, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(command, **options) for command in commands]
    try:
        with distributed.Client(scheduler_file=address[1], timeout=60) as client, dask.config.set(scheduler=None):
            client.wait_for_workers(2, timeout=60)
            est = patched(unet()).fit(STACK)
            denoised = est.transform(TestCluster.LAZY)
            np.testing.assert_allclose(denoised, est.transform(TestCluster.LAZY.compute()), rtol=0, atol=ATOL)
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(30)
