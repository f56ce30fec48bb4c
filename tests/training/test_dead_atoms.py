"""Dead atoms get a badly explained sample, once, and never at the end."""

import numpy as np
import pytest
import torch

from skmixmate.training import Callback, DeadAtomReseeding, EarlyStopping

EYE = torch.eye(8)


def planted_data(n_samples=60, seed=0):
    """Two clusters, of features 0 and 1 and of features 2 and 3; 4 to 7 are zero."""
    random_state = np.random.RandomState(seed)
    X = np.zeros((n_samples, 8), dtype=np.float32)
    X[::2, :2] = random_state.uniform(1.0, 3.0, size=(n_samples // 2, 2))
    X[1::2, 2:4] = random_state.uniform(1.0, 3.0, size=(n_samples // 2, 2))
    return torch.from_numpy(X)


def planted_dictionaries():
    """The last atom of the first dictionary is orthogonal to all data."""
    mean = EYE[2] + EYE[3]
    return torch.stack(
        [EYE[[0, 1, 5]], torch.stack([EYE[2], EYE[3], mean / mean.norm()])]
    )


class Watcher(Callback):
    """Pretend that Adam has moved, and keep what re-seeding leaves."""

    def __init__(self, revive=None):
        self.dictionaries, self.moments = [], []
        self.revive = revive

    def on_epoch_begin(self, trainer):
        if self.revive is not None:
            with torch.no_grad():
                trainer.module.dictionaries.copy_(self.revive)

    def on_batch_end(self, trainer, indices, output):
        for state in trainer.optimizer.state.values():
            state["exp_avg"].fill_(1.0)
            state["exp_avg_sq"].fill_(1.0)

    def on_epoch_end(self, trainer):
        D = trainer.module.dictionaries
        self.dictionaries.append(D.detach().clone())
        state = trainer.optimizer.state[D]
        self.moments.append(state["exp_avg"] * state["exp_avg_sq"])


def train(make_module, make_trainer, dictionaries, X, mask=None, **params):
    """Train with a zero learning rate: only re-seeding changes the atoms."""
    watcher = Watcher(params.pop("revive", None))
    module = make_module(dictionaries=dictionaries)
    before = params.pop("before", [])
    trainer = make_trainer(
        module,
        X,
        mask,
        learning_rate=0.0,
        callbacks=[*before, DeadAtomReseeding(), watcher],
        **params,
    )
    return trainer.run(), watcher


def worse_half(module, X, observed=None, cluster=None):
    """Indices of the samples of a cluster with the larger energies."""
    with torch.no_grad():
        energy, label = module(X, observed).energies.min(dim=1)
    members = (label == cluster).nonzero().flatten()
    order = energy[members].argsort(descending=True)
    return members[order[: (len(members) + 1) // 2]]


def is_a_row(atom, rows):
    rows = rows / rows.norm(dim=1, keepdim=True)
    return bool(((rows - atom).abs().max(dim=1).values < 1e-6).any())


def test_dead_atom_becomes_a_badly_explained_sample(make_module, make_trainer):
    X, D = planted_data(), planted_dictionaries()
    trainer, watcher = train(make_module, make_trainer, D, X, max_iter=3)
    assert trainer.history["n_reseeded_atoms"] == [1, 0, 0]
    after = watcher.dictionaries[0]
    candidates = worse_half(make_module(dictionaries=D), X, cluster=0)
    assert is_a_row(after[0, 2], X[candidates])
    # Every other atom is as it was.
    changed = ((after - D).abs() > 1e-6).any(dim=-1)
    assert changed.nonzero().tolist() == [[0, 2]]
    # The zeros of Adam's moments are those of the new atom.
    zero = (watcher.moments[0] == 0).all(dim=-1)
    assert zero.nonzero().tolist() == [[0, 2]]
    assert (watcher.moments[0][~zero] == 1).all()


def test_the_sample_is_drawn_at_random(make_module, make_trainer):
    atoms = {
        tuple(
            train(
                make_module,
                make_trainer,
                planted_dictionaries(),
                planted_data(),
                max_iter=2,
                seed=seed,
            )[1]
            .dictionaries[0][0, 2]
            .tolist()
        )
        for seed in range(8)
    }
    assert len(atoms) > 2


def test_an_atom_is_reseeded_at_most_once(make_module, make_trainer):
    D = planted_dictionaries()
    trainer, _ = train(
        make_module, make_trainer, D, planted_data(), max_iter=4, revive=D
    )
    # The atom is killed again before every epoch.
    assert trainer.history["n_reseeded_atoms"] == [1, 0, 0, 0]


def test_never_after_the_last_epoch(make_module, make_trainer):
    D = planted_dictionaries()
    trainer, _ = train(make_module, make_trainer, D, planted_data(), max_iter=1)
    assert trainer.history["n_reseeded_atoms"] == [0]
    torch.testing.assert_close(trainer.module.dictionaries.detach(), D)


def test_never_after_an_epoch_that_stops_training(make_module, make_trainer):
    class Kill(Callback):
        def on_epoch_begin(self, trainer):
            # Alive in the first epoch, dead in the second.
            D = planted_dictionaries()
            if trainer.epoch == 0:
                D[0, 2] = (EYE[0] + EYE[1]) / 2**0.5
            with torch.no_grad():
                trainer.module.dictionaries.copy_(D)

    # No epoch improves by more than all of the loss: stops after the second.
    stopping = EarlyStopping(1.0, 1)
    trainer, _ = train(
        make_module,
        make_trainer,
        planted_dictionaries(),
        planted_data(),
        max_iter=10,
        before=[Kill(), stopping],
    )
    assert trainer.epoch == 2
    assert stopping.converged
    assert trainer.history["n_reseeded_atoms"] == [0, 0]
    assert torch.equal(trainer.module.dictionaries.detach()[0, 2], EYE[5])


def test_an_empty_cluster_splits_the_worst(make_module, make_trainer):
    # The first two clusters have samples, the second of them explains them badly.
    D = torch.stack([EYE[[0, 1]], EYE[[2, 4]], EYE[[6, 7]]])
    X = planted_data()
    trainer, watcher = train(make_module, make_trainer, D, X, max_iter=2)
    candidates = worse_half(make_module(dictionaries=D), X, cluster=1)
    # The two atoms of the empty cluster and the useless atom of the second.
    assert trainer.history["n_reseeded_atoms"] == [3, 0]
    after = watcher.dictionaries[0]
    for atom in (after[2, 0], after[2, 1], after[1, 1]):
        assert is_a_row(atom, X[candidates])
    assert torch.equal(after[0], D[0])
    assert torch.equal(after[1, 0], D[1, 0])
    labels = trainer.module(X).energies.argmin(dim=1)
    assert (labels == 2).any()


@pytest.mark.parametrize("as_mask", [True, False])
def test_seeds_from_samples_with_missing_entries(make_module, make_trainer, as_mask):
    X, D = planted_data(), planted_dictionaries()
    # Mixed atoms, so that a missing entry can be told from the others.
    D[0, :2] = torch.stack([EYE[0] + 0.5 * EYE[1], EYE[1] + 0.5 * EYE[0]])
    D[0, :2] /= D[0, :2].norm(dim=1, keepdim=True)
    mask = torch.ones(X.shape, dtype=torch.bool)
    mask[::4, 0] = mask[2::4, 1] = False
    observed, complete = mask.float(), torch.where(mask, X, 0.0)
    if as_mask:
        data = torch.where(mask, X, 1e6)  # Whatever is there is not looked at.
        trainer, watcher = train(make_module, make_trainer, D, data, mask, max_iter=2)
    else:
        data = torch.where(mask, X, torch.nan)
        trainer, watcher = train(make_module, make_trainer, D, data, max_iter=2)
    assert trainer.history["n_reseeded_atoms"] == [1, 0]
    after = watcher.dictionaries[0]
    assert torch.isfinite(after).all()
    torch.testing.assert_close(after.norm(dim=-1), torch.ones(2, 3))
    module = make_module(dictionaries=D)
    candidates = worse_half(module, complete, observed, cluster=0)
    with torch.no_grad():
        explained = module(complete, observed).codes[0] @ module.dictionaries[0]
    filled = torch.where(mask, X, explained)
    assert (filled[candidates, :2] > 0).all()
    assert is_a_row(after[0, 2], filled[candidates])


def test_zero_samples_are_no_atoms(make_module, make_trainer):
    D = planted_dictionaries()
    trainer, watcher = train(
        make_module, make_trainer, D, torch.zeros(20, 8), max_iter=3
    )
    assert not trainer.diverged
    for after in watcher.dictionaries:
        torch.testing.assert_close(after, D)
    assert (watcher.moments[0] == 1).all()


def test_used_atoms_are_left_alone(make_module, make_trainer):
    D = planted_dictionaries()
    D[0, 2] = (EYE[0] + EYE[1]) / 2**0.5
    trainer, watcher = train(make_module, make_trainer, D, planted_data(), max_iter=2)
    assert trainer.history["n_reseeded_atoms"] == [0, 0]
    torch.testing.assert_close(watcher.dictionaries[-1], D)


def test_the_threshold_is_a_fraction_of_the_mean_usage(make_module, make_trainer):
    D = planted_dictionaries()
    X = planted_data()
    X[0, 5] = 1.0  # A single sample uses the atom a little.
    for threshold, expected in ((1e-3, 0), (0.1, 1)):
        trainer = make_trainer(
            make_module(dictionaries=D),
            X,
            learning_rate=0.0,
            max_iter=2,
            callbacks=[DeadAtomReseeding(threshold)],
        ).run()
        assert trainer.history["n_reseeded_atoms"][0] == expected


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_any_optimizer_will_do(make_module, make_trainer, optimizer):
    module = make_module(dictionaries=planted_dictionaries())
    trainer = make_trainer(
        module,
        planted_data(),
        optimizer=optimizer([module.dictionaries], lr=1e-2),
        max_iter=5,
        callbacks=[DeadAtomReseeding()],
    ).run()
    assert trainer.history["n_reseeded_atoms"][0] == 1
    assert trainer.history["loss"][-1] < trainer.history["loss"][0]


def test_a_cluster_that_is_never_the_best_is_empty(make_module, make_trainer):
    # Its atoms have codes and responsibilities, but another cluster always wins.
    D = torch.stack([EYE[:4], EYE[:4] + 0.5 * EYE[4:]])
    trainer, watcher = train(make_module, make_trainer, D, planted_data(), max_iter=2)
    assert trainer.history["n_reseeded_atoms"] == [4, 0]
    torch.testing.assert_close(watcher.dictionaries[0][0], D[0])
    assert (watcher.dictionaries[0][1, :, 4:] == 0).all()
