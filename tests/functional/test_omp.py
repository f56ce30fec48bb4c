"""Batched orthogonal matching pursuit against scikit-learn's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import orthogonal_mp

from skmixmate.functional import orthogonal_matching_pursuit

quick = settings(max_examples=50)
seeds = st.integers(0, 2**32 - 1)


def problem(seed, n_samples=8, n_atoms=12, n_features=9, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n_atoms, n_features))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    X = rng.standard_normal((n_samples, n_features))
    return torch.tensor(X, dtype=dtype), torch.tensor(atoms, dtype=dtype)


def dense(support, coefs, n_atoms):
    """Codes as a matrix; coefficients of an index that comes twice add up."""
    codes = coefs.new_zeros((len(coefs), n_atoms))
    return codes.scatter_add(1, support, coefs)


@quick
@given(seed=seeds, n_nonzero_coefs=st.integers(1, 6))
def test_equals_scikit_learn(seed, n_nonzero_coefs):
    X, atoms = problem(seed)
    support, coefs = orthogonal_matching_pursuit(X, atoms, n_nonzero_coefs)
    expected = orthogonal_mp(
        atoms.numpy().T, X.numpy().T, n_nonzero_coefs=n_nonzero_coefs
    ).T
    np.testing.assert_allclose(
        dense(support, coefs, len(atoms)), expected, rtol=1e-7, atol=1e-9
    )


@quick
@given(seed=seeds)
def test_order_of_choice_and_least_squares(seed):
    X, atoms = problem(seed)
    support, coefs = orthogonal_matching_pursuit(X, atoms, 4)
    for x, chosen, coef in zip(X, support, coefs, strict=True):
        residual = x
        for step in range(4):
            assert chosen[step] == (atoms @ residual).abs().argmax()
            basis = atoms[chosen[: step + 1]].T
            solution = torch.linalg.lstsq(basis, x[:, None]).solution[:, 0]
            residual = x - basis @ solution
        torch.testing.assert_close(coef, solution, rtol=1e-8, atol=1e-10)


@quick
@given(seed=seeds)
def test_excluded_atom_is_never_used(seed):
    """As in a self-representation, where every sample is an atom too."""
    _, atoms = problem(seed)
    excluded = torch.arange(len(atoms))
    support, coefs = orthogonal_matching_pursuit(atoms, atoms, 5, excluded=excluded)
    assert (support != excluded[:, None]).all()
    for i in range(len(atoms)):
        rest = excluded[excluded != i]
        alone = orthogonal_matching_pursuit(atoms[i : i + 1], atoms[rest], 5)
        assert torch.equal(support[i], rest[alone[0][0]])
        torch.testing.assert_close(coefs[i], alone[1][0])


def test_minus_one_excludes_nothing():
    X, atoms = problem(0)
    some = torch.full((len(X),), -1)
    some[3] = orthogonal_matching_pursuit(X, atoms, 3)[0][3, 0]
    free = orthogonal_matching_pursuit(X, atoms, 3)
    partly = orthogonal_matching_pursuit(X, atoms, 3, excluded=some)
    same = some == -1
    assert torch.equal(free[0][same], partly[0][same])
    assert torch.equal(free[1][same], partly[1][same])
    assert (partly[0][3] != some[3]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_sample_has_zero_coefficients(dtype):
    X, atoms = problem(0, dtype=dtype)
    X[2] = 0.0
    support, coefs = orthogonal_matching_pursuit(X, atoms, 5)
    assert coefs.dtype == dtype
    assert (coefs[2] == 0).all()
    assert coefs.isfinite().all()
    # No atom comes twice, not even where there is nothing left to explain.
    assert all(len(set(row.tolist())) == 5 for row in support)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_atoms_are_never_used(dtype):
    X, atoms = problem(0, n_atoms=7, n_features=7, dtype=dtype)
    atoms[[1, 4]] = 0.0
    support, coefs = orthogonal_matching_pursuit(X, atoms, 7)
    assert coefs.isfinite().all()
    codes = dense(support, coefs, 7)
    assert (codes[:, [1, 4]] == 0).all()
    assert (codes[:, [0, 2, 3, 5, 6]] != 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_duplicated_atoms_count_once(dtype):
    X, atoms = problem(0, n_atoms=4, n_features=6, dtype=dtype)
    doubled = torch.cat([atoms, atoms, -atoms[:1]])
    support, coefs = orthogonal_matching_pursuit(X, doubled, 6)
    assert coefs.isfinite().all()
    # With all four directions in, the rest is the least-squares residual.
    fit = dense(support, coefs, len(doubled)) @ doubled
    expected = X @ torch.linalg.pinv(atoms) @ atoms
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(fit, expected, rtol=tolerance, atol=tolerance)
    assert ((coefs != 0).sum(1) <= 4).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exactly_explained_samples_stop_early(dtype):
    _, atoms = problem(1, dtype=dtype)
    X = torch.stack([2.0 * atoms[3], -atoms[5], atoms[0]])
    support, coefs = orthogonal_matching_pursuit(X, atoms, 5)
    expected = torch.zeros(3, len(atoms), dtype=dtype)
    expected[0, 3], expected[1, 5], expected[2, 0] = 2.0, -1.0, 1.0
    torch.testing.assert_close(dense(support, coefs, len(atoms)), expected)
    assert (coefs[:, 1:] == 0).all()


@quick
@given(seed=seeds, n_nonzero_coefs=st.integers(1, 6))
def test_a_gram_matrix_changes_nothing(seed, n_nonzero_coefs):
    X, atoms = problem(seed)
    excluded = torch.arange(len(X))
    expected = orthogonal_matching_pursuit(X, atoms, n_nonzero_coefs, excluded)
    gram = atoms @ atoms.T
    support, coefs = orthogonal_matching_pursuit(
        X, atoms, n_nonzero_coefs, excluded, gram
    )
    assert torch.equal(support, expected[0])
    torch.testing.assert_close(coefs, expected[1])


@pytest.mark.parametrize("size", [1e-2, 1e-3])
@pytest.mark.parametrize("has_gram", [False, True])
def test_what_little_is_left_is_told_apart_in_single_precision(size, has_gram):
    """Where correlations come from a Gram matrix, large numbers cancel."""
    X, atoms = problem(2, n_samples=50, n_atoms=40, n_features=30)
    X = atoms[:10].repeat(5, 1) + size * X
    gram = (atoms @ atoms.T).float() if has_gram else None
    support, coefs = orthogonal_matching_pursuit(X.float(), atoms.float(), 4, gram=gram)
    expected_support, expected = orthogonal_matching_pursuit(X, atoms, 4)
    assert torch.equal(support, expected_support)
    torch.testing.assert_close(coefs.double(), expected, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("has_gram", [False, True])
def test_atoms_much_alike_explain_nearly_as_much_in_single_precision(has_gram):
    """Others may be chosen, but none that explain much less."""
    X, noise = problem(0, n_samples=100, n_atoms=60, n_features=30)
    atoms = torch.nn.functional.normalize(1.0 + 1e-2 * noise, dim=1)
    gram = (atoms @ atoms.T).float() if has_gram else None
    left = [
        (X - dense(*found, len(atoms)).double() @ atoms).norm()
        for found in (
            orthogonal_matching_pursuit(X, atoms, 5),
            orthogonal_matching_pursuit(X.float(), atoms.float(), 5, gram=gram),
        )
    ]
    assert left[0] < left[1] < 1.1 * left[0]


@pytest.mark.parametrize(("has_gram", "largest"), [(False, 5e-5), (True, 5e-3)])
def test_errors_of_alike_atoms_are_as_documented(has_gram, largest):
    """Cosines of 0.9999, whose rounding errors are refined without a Gram matrix."""
    X, noise = problem(0, n_samples=200, n_atoms=2, n_features=30)
    base = torch.nn.functional.normalize(noise[:1], dim=1)
    atoms = torch.nn.functional.normalize(base + 1.4e-2 * noise[1:], dim=1)
    atoms = torch.cat([base, atoms])
    assert 0.9998 < float(atoms[0] @ atoms[1]) < 0.99995
    expected = dense(*orthogonal_matching_pursuit(X, atoms, 2), 2)
    gram = atoms.float() @ atoms.float().T if has_gram else None
    found = orthogonal_matching_pursuit(X.float(), atoms.float(), 2, gram=gram)
    error = (dense(*found, 2).double() - expected).norm(dim=1) / expected.norm(dim=1)
    assert error.median() < largest


@pytest.mark.parametrize("has_gram", [False, True])
def test_atoms_too_much_alike_for_single_precision_count_once(has_gram):
    """The squared length of their difference is below the rounding error of one."""
    X, atoms = problem(0, n_atoms=4, n_features=6, dtype=torch.float32)
    twins = atoms * (
        1.0 + 1e-4 * torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    )
    doubled = torch.cat([atoms, twins])
    gram = doubled @ doubled.T if has_gram else None
    _, coefs = orthogonal_matching_pursuit(X, doubled, 6, gram=gram)
    assert ((coefs != 0).sum(1) <= 4).all()
    assert (coefs.abs() <= 10.0 * X.norm(dim=1, keepdim=True)).all()


def test_gradients_of_samples():
    X, atoms = problem(0, n_samples=3)
    for gram in (None, atoms @ atoms.T):
        assert torch.autograd.gradcheck(
            lambda X, G=gram: orthogonal_matching_pursuit(X, atoms, 3, gram=G)[1],
            X.clone().requires_grad_(),
        )


@quick
@given(seed=seeds, exponent=st.integers(-15, 15))
def test_scale_of_samples_scales_coefficients(seed, exponent):
    X, atoms = problem(seed)
    support, coefs = orthogonal_matching_pursuit(X, atoms, 4)
    scale = 2.0**exponent
    scaled_support, scaled = orthogonal_matching_pursuit(scale * X, atoms, 4)
    assert torch.equal(scaled_support, support)
    torch.testing.assert_close(scaled, scale * coefs, rtol=1e-12, atol=0.0)


def test_inputs_stay_as_they_are():
    X, atoms = problem(0)
    before = X.clone(), atoms.clone()
    orthogonal_matching_pursuit(X, atoms, 3)
    assert torch.equal(X, before[0])
    assert torch.equal(atoms, before[1])
