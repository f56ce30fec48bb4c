"""An optimiser goes on from NumPy arrays as if it had never stopped."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skmixmate.base.training import load_optimizer_state, optimizer_state


def make_adam(module, fused):
    trained = [p for p in module.parameters() if p.requires_grad]
    return torch.optim.Adam(trained, lr=1e-2, fused=fused)


@pytest.mark.parametrize("fused", [True, False])
def test_interrupted_training_gives_the_same_bits(make_module, make_trainer, fused):
    whole = make_module()
    first = copy.deepcopy(whole)
    trainer = make_trainer(whole, optimizer=make_adam(whole, fused), max_iter=4).run()

    half = make_trainer(first, optimizer=make_adam(first, fused), max_iter=2).run()
    state = pickle.loads(pickle.dumps(optimizer_state(half.optimizer)))
    second = make_module()
    second.load_state_dict(first.state_dict())

    def go_on(load):
        module = copy.deepcopy(second)
        optimizer = make_adam(module, fused)
        if load:
            load_optimizer_state(optimizer, state)
        rest = make_trainer(module, optimizer=optimizer, max_iter=2)
        rest.generator.set_state(half.generator.get_state())
        return rest.run()

    rest = go_on(load=True)
    for parameter, expected in zip(
        rest.module.parameters(), whole.parameters(), strict=True
    ):
        assert torch.equal(parameter, expected)
    assert half.history["loss"] + rest.history["loss"] == trainer.history["loss"]
    forgetful = go_on(load=False)
    assert not torch.equal(forgetful.module.dictionaries, whole.dictionaries)


def test_the_state_is_a_copy_in_numpy(make_module, make_trainer):
    module = make_module()
    trainer = make_trainer(module, max_iter=1).run()
    state = optimizer_state(trainer.optimizer)
    assert len(state) == 1
    assert all(set(s) == {"step", "exp_avg", "exp_avg_sq"} for s in state)
    assert all(type(value) is np.ndarray for s in state for value in s.values())
    assert state[0]["exp_avg"].shape == module.dictionaries.shape
    assert float(state[0]["step"]) == 4.0
    kept = copy.deepcopy(state)
    trainer.max_iter = 2
    trainer.run()
    other = make_adam(module, fused=True)
    load_optimizer_state(other, state)
    for values in other.state.values():
        values["exp_avg"].fill_(7.0)
    for before, after in zip(kept, state, strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


def test_before_the_first_step_there_is_no_state(make_module, make_trainer):
    module = make_module()
    optimizer = make_adam(module, fused=True)
    assert optimizer_state(optimizer) == []
    load_optimizer_state(optimizer, [])
    assert len(optimizer.state) == 0
    make_trainer(module, optimizer=optimizer, max_iter=1).run()
