"""The `device` parameter and where data fit."""

import multiprocessing
import os
from contextlib import contextmanager
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_info, threadpool_limits

from skmixmate import MixMateClustering
from skmixmate.initializers import spectral_labels
from skmixmate.utils import device as device_module
from skmixmate.utils.device import (
    fits_in_memory,
    one_openmp_thread,
    plain_arithmetic,
    resolve_device,
    to_device,
)

HAS_CUDA = torch.cuda.is_available()


def test_auto_is_a_gpu_where_there_is_one(monkeypatch):
    assert resolve_device("auto").type == ("cuda" if HAS_CUDA else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_devices_of_this_machine(device):
    assert resolve_device(device) == torch.device("cpu")


@pytest.mark.parametrize(
    "device", ["gpu", "", "Auto", None, 3.5, -1, ["cpu"], "cpu cpu", "cuda:99", "meta"]
)
def test_wrong_devices_are_named(device):
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu'") as error:
        resolve_device(device)
    assert f"got {device!r}" in str(error.value)


@pytest.mark.skipif(HAS_CUDA, reason="there is a GPU")
def test_a_missing_gpu_is_an_error():
    with pytest.raises(ValueError, match="has, such as 'cuda' or 'cuda:1', got 'cuda'"):
        resolve_device("cuda")


def test_nothing_is_moved_to_the_cpu():
    assert not fits_in_memory(1, torch.device("cpu"))


@pytest.mark.parametrize(("n_bytes", "fits"), [(0, True), (500, True), (501, False)])
def test_at_most_half_of_the_free_memory(monkeypatch, n_bytes, fits):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 8000))
    assert fits_in_memory(n_bytes, torch.device("cuda")) == fits


def test_tensors_on_their_device_stay_where_they_are():
    tensor = torch.zeros(3)
    assert to_device(tensor, torch.device("cpu")) is tensor


@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA GPU")
def test_tensors_travel_to_a_gpu_and_back():
    tensor = torch.arange(1000.0)
    on_gpu = to_device(tensor, torch.device("cuda"))
    assert on_gpu.device.type == "cuda"
    assert torch.equal(to_device(2.0 * on_gpu, torch.device("cpu")), 2.0 * tensor)


@contextmanager
def autocast_of_cuda():
    """On, with a GPU or without, where `torch.autocast` would only warn."""
    torch.set_autocast_enabled("cuda", True)
    yield
    torch.set_autocast_enabled("cuda", False)


def modes():
    """What `plain_arithmetic` sets, and whether gradients are recorded."""
    return (
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_enabled("cuda"),
        torch.is_inference_mode_enabled(),
        torch.get_default_device().type,
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize(
    ("mode", "records_gradients"),
    [
        (lambda: torch.autocast("cpu", dtype=torch.bfloat16), True),
        (lambda: torch.autocast("cpu", dtype=torch.float16), True),
        (autocast_of_cuda, True),
        (lambda: torch.device("meta"), True),
        (torch.inference_mode, False),
        (torch.no_grad, False),
        (torch.enable_grad, True),
    ],
)
def test_modes_are_off_for_the_length_of_a_call(mode, records_gradients):
    outside = modes()
    with mode():
        inside = modes()
        assert plain_arithmetic(modes)() == (
            *(False, False, False, "cpu"),
            records_gradients,
        )
        with pytest.raises(ZeroDivisionError):
            plain_arithmetic(lambda: 1 / 0)()
        assert modes() == inside
    assert modes() == outside


def test_the_default_device_of_the_process_does_not_matter():
    torch.set_default_device("meta")
    try:
        assert plain_arithmetic(modes)()[3] == "cpu"
        assert modes()[3] == "meta"
    finally:
        torch.set_default_device(None)


def test_other_threads_keep_their_modes():
    found, meet = {}, Barrier(2, timeout=60)

    def look():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            meet.wait()  # Until a call has begun.
            found["other"] = modes()
            meet.wait()

    @plain_arithmetic
    def call():
        meet.wait()
        meet.wait()
        found["call"] = modes()

    thread = Thread(target=look)
    thread.start()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        call()
    thread.join()
    assert found["other"][0]
    assert not found["call"][0]


def test_gradients_flow_through_a_call():
    x = torch.ones(2, requires_grad=True)
    plain_arithmetic(torch.square)(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_wrapped_function_keeps_its_name_and_parameters():
    @plain_arithmetic
    def function(a, *, b=1):
        """Add."""
        return a + b

    assert function(1, b=2) == 3
    assert function.__name__ == "function"
    assert function.__doc__ == "Add."


def _predict_in_a_child(model, X, results):
    results.put(model.predict(X).tolist())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.* is multi-threaded:DeprecationWarning")
def test_a_fork_of_a_fitted_process_computes():
    """Where the parent has computed with two threads, which a fork does not copy."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        X = np.random.RandomState(0).uniform(size=(3000, 64))
        model = MixMateClustering(10, max_iter=1, init="data", random_state=0).fit(X)
        expected = model.predict(X[:600]).tolist()
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        child = context.Process(
            target=_predict_in_a_child, args=(model, X[:600], results), daemon=True
        )
        child.start()
        try:
            assert results.get(timeout=300) == expected
        finally:
            child.kill()
            child.join()
    finally:
        torch.set_num_threads(n_threads)


def openmp_threads():
    return {
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "openmp"
    }


@pytest.fixture
def two_openmp_threads():
    # Other tests may have loaded libraries with threads of their own since.
    device_module._openmp.cache_clear()
    with threadpool_limits(limits=2, user_api="openmp"):
        yield


def test_openmp_is_kept_to_one_thread_for_a_while(two_openmp_threads):
    before = openmp_threads()
    with one_openmp_thread():
        assert openmp_threads() == {1}
    assert openmp_threads() == before


def test_k_means_of_a_start_has_one_thread(two_openmp_threads, monkeypatch):
    within = []
    fit = KMeans.fit

    def watched(self, *arguments, **options):
        within.append(openmp_threads())
        return fit(self, *arguments, **options)

    monkeypatch.setattr(KMeans, "fit", watched)
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[:20] += 9.0
    X[20:40] -= 9.0
    labels = spectral_labels(X, 3, 0)
    assert len(set(labels)) == 3
    assert within
    assert all(threads == {1} for threads in within)
