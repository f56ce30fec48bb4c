"""Bounds on ``alpha``: the encoder finds the active groups inside of them."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skmixmate.datasets import make_group_sparse
from skmixmate.modules import DictionaryAutoencoder
from skmixmate.penalties import GroupL2
from skmixmate.recovery import block_coherence, support_recovery_range

quick = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)


def orthonormal_groups(random_state, n_groups, group_size, n_features, noise=1.0):
    """Groups with orthonormal atoms: turned blocks of coordinates, and noise."""
    blocks = np.eye(n_groups * group_size, n_features)
    blocks += noise * random_state.standard_normal(blocks.shape)
    turn = np.linalg.qr(random_state.standard_normal((n_features, n_features)))[0]
    blocks = (blocks @ turn).reshape(n_groups, group_size, n_features)
    return np.linalg.qr(blocks.transpose(0, 2, 1))[0].transpose(0, 2, 1)


def shallow_network(D, alpha, group_size):
    return DictionaryAutoencoder(
        torch.as_tensor(D),
        penalty=GroupL2(group_size),
        alpha=alpha,
        n_fista_iter=1,
        step_size=1.0,
        loss_name="reconstruction",
        normalize_atoms=False,
    )


def used_groups(D, alpha, group_size, x):
    """Whether each group of each code is nonzero, (n_samples, n_groups)."""
    codes = shallow_network(D, alpha, group_size)(torch.from_numpy(x)).codes
    codes = codes.detach().numpy().reshape(len(x), -1, group_size)
    return np.abs(codes).max(axis=2) > 0


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
    distance=st.floats(0.0, 0.05),
    noise_norm=st.floats(0.0, 0.2),
    position=st.floats(0.001, 0.999),
)
def test_inside_the_range_the_support_is_recovered(
    seed, group_size, n_active, distance, noise_norm, position
):
    random_state = np.random.RandomState(seed)
    n_groups, n_samples = 6, 50
    groups = orthonormal_groups(random_state, n_groups, group_size, 40, noise=0.005)
    truth, noise = groups.copy(), np.zeros((n_samples, 40))
    for array, norm, axes in ((truth, distance, (1, 2)), (noise, noise_norm, 1)):
        shift = random_state.standard_normal(array.shape)
        array += norm * shift / np.linalg.norm(shift, axis=axes, keepdims=True)
    D = groups.reshape(-1, 40)
    found = support_recovery_range(
        D,
        group_size,
        n_active_groups=n_active,
        norm_range=(4.0, 5.0),
        distance=distance + 1e-9,
        noise_norm=noise_norm + 1e-9,
    )
    assume(found.is_guaranteed)
    z = random_state.standard_normal((n_samples, n_groups, group_size))
    z *= random_state.uniform(4.0, 5.0, (n_samples, n_groups, 1)) / np.linalg.norm(
        z, axis=2, keepdims=True
    )
    order = random_state.uniform(size=(n_samples, n_groups))
    active = np.argsort(order, axis=1) < n_active
    x = np.einsum("bgp,gpm->bm", z * active[..., None], truth) + noise
    alpha = found.lowest_alpha + position * (found.highest_alpha - found.lowest_alpha)
    assert (used_groups(D, alpha, group_size, x) == active).all()


def test_the_bounds_are_reached_by_the_worst_codes():
    # Two groups of two atoms of cosine 0.6, in planes of their own: no coherence, and
    # D_g D_g^T has the eigenvalues 0.4, along (1, -1), and 1.6, along (1, 1).
    D = np.zeros((4, 4))
    D[0, 0] = D[2, 2] = 1.0
    D[1, :2] = D[3, 2:] = 0.6, 0.8
    weak = np.array([1.0, -1.0]) / np.sqrt(2.0)
    bounds = {"n_active_groups": 1, "norm_range": (5.0, 5.0)}
    highest = support_recovery_range(D, 2, **bounds).highest_alpha
    assert highest == pytest.approx(5.0 * 0.4)
    x = 5.0 * weak @ D[:2]
    assert used_groups(D, 0.99 * highest, 2, x[None]).tolist() == [[True, False]]
    assert used_groups(D, 1.01 * highest, 2, x[None]).tolist() == [[False, False]]
    # Idle groups see the most where the active group is off towards their main atom.
    main = np.linalg.svd(D[2:])[2][0]
    truth = D[:2] + 0.1 * np.outer(weak, main)
    found = support_recovery_range(D, 2, distance=0.1, **bounds)
    assert found.lowest_alpha == pytest.approx(5.0 * 0.1 * np.sqrt(1.6))
    assert found.highest_alpha == pytest.approx(5.0 * (0.4 - 0.1 * np.sqrt(1.6)))
    x = 5.0 * weak @ truth
    for factor, is_idle in ((0.99, False), (1.01, True)):
        used = used_groups(D, factor * found.lowest_alpha, 2, x[None])
        assert used.tolist() == [[True, not is_idle]]


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


@pytest.mark.parametrize(
    ("n_active", "alpha", "at_most"), [(1, 1.0, 0.5), (3, 2.0, 0.65)]
)
def test_gradient_descent_approaches_the_generating_dictionary(
    n_active, alpha, at_most
):
    # Theorem 2: each step brings every group nearer, down to a neighbourhood, which is
    # the larger the more groups are active.
    random_state = np.random.RandomState(0)
    n_groups, group_size, n_features = 12, 2, 150
    truth = orthonormal_groups(random_state, n_groups, group_size, n_features)
    assert block_coherence(truth.reshape(24, -1), 2) > 0.05
    data = make_group_sparse(
        6000,
        n_groups=n_groups,
        group_size=group_size,
        n_features=n_features,
        n_active_groups=n_active,
        random_state=0,
    )
    X = torch.from_numpy(data.codes @ truth.reshape(24, -1))
    shift = random_state.standard_normal(truth.shape)
    shift *= 0.3 / np.linalg.norm(shift, axis=(1, 2), keepdims=True)
    network = shallow_network(
        (truth + shift).reshape(24, n_features), alpha, group_size
    )

    def distances():
        atoms = network.dictionary.detach().numpy()
        atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
        return np.linalg.norm(atoms.reshape(truth.shape) - truth, axis=(1, 2))

    optimizer = torch.optim.SGD(network.parameters(), lr=0.05 / n_active)
    trace = [distances()]
    for _ in range(60):
        optimizer.zero_grad()
        network.loss(network(X)).backward()
        optimizer.step()
        trace.append(distances())
    trace = np.array(trace)
    assert (trace[-1] < at_most * trace[0]).all()
    assert (np.diff(trace, axis=0) < 1e-3 * trace[0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_size": 4}, "whole groups of group_size=4 atoms, got 6"),
        ({"n_active_groups": 4}, "n_active_groups == 4, must be <= 3"),
        ({"n_active_groups": 0}, "n_active_groups == 0, must be >= 1"),
        ({"norm_range": (5.0, 4.0)}, r"norm_range .* got \(5.0, 4.0\)"),
        ({"norm_range": 4.0}, r"norm_range .* got 4\.0"),
        ({"norm_range": (1.0, 2.0, 3.0)}, "norm_range must be two finite numbers"),
        ({"distance": -1.0}, r"distance must be a finite number >= 0, got -1\.0"),
        ({"distance": np.nan}, "distance must be a finite number >= 0, got nan"),
        ({"noise_norm": np.inf}, "noise_norm must be a finite number >= 0, got inf"),
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
