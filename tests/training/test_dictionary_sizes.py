"""Dictionaries grow and shrink with their clusters, whatever else there is."""

import numpy as np
import pytest
import torch

from skmixmate.functional import dictionary_sizes
from skmixmate.penalties import GroupL2
from skmixmate.training import Callback, DictionarySizes


@pytest.fixture
def X():
    """Two clusters, 40 samples in features 0 to 3, and 20 in 4 to 7."""
    random_state = np.random.RandomState(0)
    X = np.zeros((60, 8), dtype=np.float32)
    X[:40, :4] = random_state.uniform(0.5, 2.0, size=(40, 4))
    X[40:, 4:] = random_state.uniform(0.5, 2.0, size=(20, 4))
    return torch.from_numpy(X[random_state.permutation(60)])


def dictionaries(sizes, n_places):
    """Atoms of features 0 to 3 and of 4 to 7; zeros in the other places."""
    random_state = np.random.RandomState(1)
    D = np.zeros((2, n_places, 8), dtype=np.float32)
    D[0, : sizes[0], :4] = random_state.uniform(0.5, 1.0, size=(sizes[0], 4))
    D[1, : sizes[1], 4:] = random_state.uniform(0.5, 1.0, size=(sizes[1], 4))
    return torch.from_numpy(D)


def sizes_of(module):
    return (module.dictionaries != 0.0).any(-1).sum(-1).tolist()


class Moments(Callback):
    """Mark what Adam knows with the first entry of each atom, and look at it later."""

    def on_batch_end(self, trainer, indices, output):
        D = trainer.module.dictionaries.detach()
        for moment in ("exp_avg", "exp_avg_sq"):
            trainer.optimizer.state[trainer.module.dictionaries][moment].copy_(D)


def train(make_module, make_trainer, X, D, wanted, max_iter=2, **parameters):
    multiple = parameters.pop("multiple", 1)
    module = make_module(dictionaries=D, **parameters)
    callback = DictionarySizes(lambda counts: torch.tensor(wanted), multiple=multiple)
    trainer = make_trainer(
        module,
        X,
        max_iter=max_iter,
        learning_rate=0.0,
        callbacks=[Moments(), callback],
    )
    return trainer.run()


def test_idle_places_change_nothing(make_module, X):
    D = dictionaries((3, 2), 3)
    wide = torch.cat([D, torch.zeros(2, 4, 8)], dim=1)
    outputs, gradients = [], []
    for one in (D, wide):
        module = make_module(dictionaries=one)
        output = module(X)
        module.loss(output).backward()
        outputs.append(output)
        gradients.append(module.dictionaries.grad)
    torch.testing.assert_close(outputs[1].energies, outputs[0].energies)
    torch.testing.assert_close(gradients[1][:, :3], gradients[0])
    assert (gradients[1][:, 3:] == 0.0).all()
    assert (outputs[1].codes[..., 3:] == 0.0).all()


@pytest.mark.parametrize(
    ("wanted", "n_places"), [([4, 1], 4), ([2, 3], 4), ([6, 2], 6), ([2, 1], 2)]
)
def test_sizes_become_what_is_wanted(make_module, make_trainer, X, wanted, n_places):
    D = dictionaries((3, 2), 4)
    trainer = train(make_module, make_trainer, X, D, wanted)
    assert sizes_of(trainer.module) == wanted
    found = trainer.module.dictionaries
    assert found.shape == (2, n_places, 8)
    norms = torch.linalg.vector_norm(found.detach(), dim=-1)
    is_atom = torch.arange(n_places) < torch.tensor(wanted)[:, None]
    torch.testing.assert_close(norms, is_atom.float())
    # The optimiser trains what the module has.
    assert trainer.optimizer.param_groups[0]["params"] == [found]
    assert set(trainer.optimizer.state) == {found}
    assert trainer.optimizer.state[found]["exp_avg"].shape == found.shape


def test_the_least_used_atoms_go_and_the_others_keep_what_adam_knows(
    make_module, make_trainer, X
):
    D = dictionaries((3, 2), 3)
    # Against the samples: next to no use, and not none.
    D[0, 1] = torch.tensor([1.0, -1.0, 1.0, -1.0, 0, 0, 0, 0]) / 2.0
    trainer = train(make_module, make_trainer, X, D, [2, 2])
    found = trainer.module.dictionaries.detach()
    kept = D / torch.linalg.vector_norm(D, dim=-1, keepdim=True)
    rows = sorted(found[0, :2].tolist())
    np.testing.assert_allclose(rows, sorted(kept[0, [0, 2]].tolist()), rtol=1e-6)
    state = trainer.optimizer.state[trainer.module.dictionaries]
    torch.testing.assert_close(state["exp_avg"][0, :2], found[0, :2])


def test_new_atoms_are_samples_of_their_cluster(make_module, make_trainer, X):
    trainer = train(make_module, make_trainer, X, dictionaries((3, 2), 3), [3, 4])
    new = trainer.module.dictionaries.detach()[1, 2:]
    rows = X / torch.linalg.vector_norm(X, dim=1, keepdim=True)
    distances = torch.cdist(new, rows).min(dim=1).values
    assert (distances < 1e-3).all()
    assert (new[:, :4] == 0.0).all()
    assert trainer.history["n_reseeded_atoms"][0] == 0


def test_small_changes_and_the_last_epoch_change_nothing(make_module, make_trainer, X):
    D = dictionaries((20, 10), 20)
    trainer = train(make_module, make_trainer, X, D, [21, 9])
    assert sizes_of(trainer.module) == [20, 10]
    trainer = train(make_module, make_trainer, X, D, [10, 5], max_iter=1)
    assert sizes_of(trainer.module) == [20, 10]


def test_groups_stay_together(make_module, make_trainer, X):
    D = dictionaries((6, 4), 6)
    trainer = train(
        make_module,
        make_trainer,
        X,
        D,
        [4, 6],
        multiple=2,
        penalty=GroupL2(group_size=2),
    )
    assert sizes_of(trainer.module) == [4, 6]
    kept = D / torch.linalg.vector_norm(D, dim=-1, keepdim=True).clamp(min=1e-30)
    pairs = {tuple(pair.flatten().tolist()) for pair in kept[0].reshape(3, 2, 8)}
    found = trainer.module.dictionaries.detach()[0, :4].reshape(2, 2, 8)
    for pair in found:
        assert (
            min(
                np.abs(np.subtract(pair.flatten().tolist(), one)).max() for one in pairs
            )
            < 1e-6
        )


def test_sizes_by_the_root_of_the_counts():
    sizes = dictionary_sizes(torch.tensor([900, 100, 100]), 10)
    assert sizes.tolist() == [18, 6, 6]
    cube = dictionary_sizes(torch.tensor([800, 100, 100]), 12, exponent=1 / 3)
    assert cube.tolist() == [18, 9, 9]
    assert dictionary_sizes(torch.tensor([7, 7, 7]), 50).tolist() == [50, 50, 50]
    # An empty one is about to be half of the largest.
    sizes = dictionary_sizes(torch.tensor([200, 0, 100]), 10)
    assert sizes[1] == sizes[2] < sizes[0]
    sizes = dictionary_sizes(torch.tensor([10**6, 1, 1]), 4, multiple=2)
    assert (sizes % 2 == 0).all()
    assert sizes.min() == 2
    sizes = dictionary_sizes(torch.tensor([900, 100]), 10, largest=12)
    assert sizes.max() == 12
    assert dictionary_sizes(torch.zeros(3), 5).tolist() == [5, 5, 5]
