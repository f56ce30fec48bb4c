"""Bounds on ``alpha``: the encoder finds the active groups inside of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.datasets import make_group_sparse
from skmixmate.modules import DictionaryAutoencoder
from skmixmate.penalties import GroupL2
from skmixmate.recovery import block_coherence, support_recovery_range

quick = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)


def orthonormal_groups(random_state, n_groups, group_size, n_features):
    noise = random_state.standard_normal((n_groups, n_features, group_size))
    return np.linalg.qr(noise)[0].transpose(0, 2, 1)


def shallow_network(D, alpha, group_size):
    return DictionaryAutoencoder(
        torch.as_tensor(D),
        penalty=GroupL2(group_size),
        alpha=alpha,
        n_fista_iter=1,
        loss_name="reconstruction",
        normalize_atoms=False,
    )


def test_block_coherence_by_its_definition():
    D = np.random.RandomState(0).standard_normal((12, 7))
    expected = max(
        np.linalg.svd(D[g : g + 3] @ D[h : h + 3].T)[1][0] / 3
        for g in range(0, 12, 3)
        for h in range(0, 12, 3)
        if g != h
    )
    assert block_coherence(D, 3) == pytest.approx(expected)
    assert block_coherence(D[:3], 3) == 0.0


def test_coherence_of_single_atoms_is_the_largest_cosine():
    D = np.random.RandomState(0).standard_normal((5, 7))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    cosines = np.abs(D @ D.T) - np.eye(5)
    assert block_coherence(D, 1) == pytest.approx(cosines.max())


@quick
@given(
    seed=seeds,
    group_size=st.integers(1, 4),
    n_active=st.integers(1, 3),
    distance=st.floats(0.0, 0.15),
    position=st.floats(0.001, 0.999),
)
def test_inside_the_range_the_support_is_recovered(
    seed, group_size, n_active, distance, position
):
    random_state = np.random.RandomState(seed)
    # Groups of coordinates, turned a little: little coherence, so ranges are wide.
    n_groups = 6
    D = np.eye(n_groups * group_size, 40)
    D += 0.02 * random_state.standard_normal(D.shape)
    truth = D.reshape(n_groups, group_size, -1).copy()
    shift = random_state.standard_normal(truth.shape)
    shift /= np.linalg.norm(shift, axis=(1, 2), keepdims=True)
    truth += distance * shift
    found = support_recovery_range(
        D,
        group_size,
        n_active_groups=n_active,
        norm_range=(4.0, 5.0),
        distance=distance + 1e-9,
    )
    if not found.is_guaranteed:
        return
    z = random_state.standard_normal((50, n_groups, group_size))
    z *= random_state.uniform(4.0, 5.0, (50, n_groups, 1)) / np.linalg.norm(
        z, axis=2, keepdims=True
    )
    active = np.argsort(random_state.uniform(size=(50, n_groups)), axis=1) < n_active
    x = np.einsum("bgp,gpm->bm", z * active[..., None], truth)
    alpha = found.lowest_alpha + position * (found.highest_alpha - found.lowest_alpha)
    codes = shallow_network(D, alpha, group_size)(torch.from_numpy(x)).codes
    norms = codes.detach().numpy().reshape(50, n_groups, group_size)
    assert ((np.abs(norms).max(axis=2) > 0) == active).all()


def test_ranges_are_not_all_empty():
    D = np.eye(12, 40)
    found = support_recovery_range(D, 2, n_active_groups=3, norm_range=(4.0, 5.0))
    assert found == (0.0, 4.0, 0.0)
    found = support_recovery_range(
        D, 2, n_active_groups=2, norm_range=(4.0, 5.0), distance=0.2
    )
    assert found[:2] == pytest.approx((2 * 5 * 0.2, 4 * 0.8 - 5 * 0.2))


def test_the_bound_needs_the_group_size_that_the_paper_drops():
    # Two planes that share a direction: c = cos, mu_B = cos / 2.
    cosine = 0.4
    D = np.zeros((4, 4))
    D[0, 0] = D[1, 1] = D[3, 3] = 1.0
    D[2, :3:2] = cosine, np.sqrt(1.0 - cosine**2)
    x = torch.tensor([[5.0, 0.0, 0.0, 0.0]], dtype=torch.float64)  # Group 0 alone.
    of_paper = 5.0 * block_coherence(D, 2)
    found = support_recovery_range(D, 2, n_active_groups=1, norm_range=(5.0, 5.0))
    assert of_paper == pytest.approx(found.lowest_alpha / 2)
    for alpha, is_idle in ((1.01 * of_paper, False), (1.01 * found.lowest_alpha, True)):
        codes = shallow_network(D, alpha, 2)(x).codes.detach().numpy()
        assert (codes[0, 2:] == 0).all() == is_idle


def test_gradient_descent_approaches_the_generating_dictionary():
    # Theorem 2: each step brings every group nearer, down to a neighbourhood.
    random_state = np.random.RandomState(0)
    n_groups, group_size, n_features = 6, 2, 30
    rows = np.linalg.qr(random_state.standard_normal((n_features, 12)))[0].T
    data = make_group_sparse(
        4000,
        n_groups=n_groups,
        group_size=group_size,
        n_features=n_features,
        n_active_groups=1,
        random_state=0,
    )
    X = torch.from_numpy(data.codes @ rows)
    shift = random_state.standard_normal((n_groups, group_size, n_features))
    shift *= 0.3 / np.linalg.norm(shift, axis=(1, 2), keepdims=True)
    truth = rows.reshape(n_groups, group_size, n_features)
    network = shallow_network(
        (truth + shift).reshape(12, n_features), alpha=1.0, group_size=group_size
    )

    def distances():
        atoms = network.dictionary.detach().numpy()
        atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
        return np.linalg.norm(atoms.reshape(truth.shape) - truth, axis=(1, 2))

    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    trace = [distances()]
    for _ in range(60):
        optimizer.zero_grad()
        network.loss(network(X)).backward()
        optimizer.step()
        trace.append(distances())
    trace = np.array(trace)
    first, last = trace[0], trace[-1]
    assert (last < 0.3 * first).all()
    assert (np.diff(trace, axis=0) < 1e-3 * first).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_size": 4}, "whole groups of group_size=4 atoms, got 6"),
        ({"n_active_groups": 4}, "n_active_groups == 4, must be <= 3"),
        ({"n_active_groups": 0}, "n_active_groups == 0, must be >= 1"),
        ({"norm_range": (5.0, 4.0)}, r"norm_range .* got \(5.0, 4.0\)"),
        ({"distance": -1.0}, "distance == -1.0, must be >= 0"),
        ({"dictionary": [[np.nan] * 6]}, "dictionary contains NaN"),
    ],
)
def test_bad_input_is_named(changes, message):
    parameters = {
        "dictionary": np.eye(6),
        "group_size": 2,
        "n_active_groups": 2,
        "norm_range": (4.0, 5.0),
    }
    with pytest.raises(ValueError, match=message):
        support_recovery_range(**(parameters | changes))


def test_orthonormal_groups_have_the_range_of_the_lemma_with_c():
    random_state = np.random.RandomState(1)
    groups = orthonormal_groups(random_state, 3, 2, 2000)
    found = support_recovery_range(
        groups.reshape(6, 2000),
        2,
        n_active_groups=2,
        norm_range=(4.0, 5.0),
        distance=0.1,
    )
    cross = 5.0 * (2 * found.block_coherence + 0.1)
    assert found.lowest_alpha == pytest.approx(2 * cross)
    assert found.highest_alpha == pytest.approx(4.0 * 0.9 - cross)
