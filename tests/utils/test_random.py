"""Random numbers of one's own."""

import numpy as np
import pytest
import torch

from skmixmate.utils.random import private_random_state, torch_generator


def test_seeds_and_generators():
    first, second = private_random_state(3), private_random_state(np.int64(3))
    assert first.randint(2**31) == second.randint(2**31)
    own = np.random.RandomState(0)
    assert private_random_state(own) is own


def test_none_is_a_fresh_generator():
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = private_random_state(None), private_random_state(None)
    assert first is not second
    assert first is not np.random.mtrand._rand
    draws = {int(r.randint(2**31)) for r in (first, second)}
    draws |= {int(private_random_state(None).randint(2**31)) for _ in range(3)}
    assert len(draws) > 1
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


@pytest.mark.parametrize("value", ["a", -1, 1.5, 2**32, np.random.default_rng(0)])
def test_wrong_random_states_are_named(value):
    with pytest.raises(ValueError, match="random_state"):
        private_random_state(value)


def test_torch_generators_follow_the_random_state():
    torch_state = torch.get_rng_state()
    random_state = np.random.RandomState(0)
    first, second = torch_generator(random_state), torch_generator(random_state)
    again = torch_generator(np.random.RandomState(0))
    draws = [torch.randperm(50, generator=g) for g in (first, second, again)]
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2])
    assert first.device == torch.device("cpu")
    assert torch.equal(torch.get_rng_state(), torch_state)
