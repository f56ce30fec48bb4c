"""The `device` parameter and where data fit."""

import pytest
import torch

from skmixmate.utils.device import fits_in_memory, resolve_device, to_device

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
