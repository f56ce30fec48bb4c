"""Proximal operators against their definition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from skmixmate.functional import (
    block_soft_threshold,
    group_norms,
    nonnegative_block_soft_threshold,
    nonnegative_soft_threshold,
    soft_threshold,
)

GROUP_SIZE = 3


def l1(z):
    return np.abs(z).sum(-1)


def group_l2(z):
    groups = z.reshape(*z.shape[:-1], -1, GROUP_SIZE)
    return np.sqrt((groups**2).sum(-1)).sum(-1)


def block(v, threshold):
    return block_soft_threshold(v, threshold, GROUP_SIZE)


def nonnegative_block(v, threshold):
    return nonnegative_block_soft_threshold(v, threshold, GROUP_SIZE)


# prox, penalty, whether codes are nonnegative
OPERATORS = {
    "l1": (soft_threshold, l1, False),
    "l1+": (nonnegative_soft_threshold, l1, True),
    "group": (block, group_l2, False),
    "group+": (nonnegative_block, group_l2, True),
}
every_operator = pytest.mark.parametrize("name", OPERATORS)
quick = settings(max_examples=50)
# Small integers and zeros bring ties and zero groups, floats the generic points.
entries = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0]),
    # The squares of smaller numbers underflow, here as in the package.
    st.floats(-5, 5).map(lambda x: x if abs(x) > 1e-100 else 0.0),
)
vectors = st.lists(entries, min_size=6, max_size=6).map(np.array)
thresholds = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 4))


def apply(name, v, threshold):
    return OPERATORS[name][0](torch.from_numpy(v), threshold).numpy()


@every_operator
@quick
@given(v=vectors, threshold=thresholds, seed=st.integers(0, 2**32 - 1))
def test_nothing_near_or_far_has_a_lower_objective(name, v, threshold, seed):
    _, penalty, nonnegative = OPERATORS[name]
    z = apply(name, v, threshold)

    def objective(z):
        return 0.5 * ((z - v) ** 2).sum(-1) + threshold * penalty(z)

    rng = np.random.default_rng(seed)
    radii = 10.0 ** rng.uniform(-4, 1, size=(500, 1))
    others = np.concatenate(
        [
            z + radii * rng.standard_normal((500, 6)),
            z + radii * np.eye(6)[rng.integers(6)],
        ]
    )
    others = np.concatenate([others, 2 * z - others, np.zeros((1, 6)), v[None]])
    if nonnegative:
        assert (z >= 0).all()
        others = np.maximum(others, 0)
    assert objective(z) <= objective(others).min() + 1e-12


@every_operator
@quick
@given(v=vectors, threshold=thresholds)
def test_subgradient_condition(name, v, threshold):
    """``v - z`` is in ``threshold * dOmega(z)``, plus the cone of ``z >= 0``."""
    _, _, nonnegative = OPERATORS[name]
    size = GROUP_SIZE if "group" in name else 1
    z = apply(name, v, threshold)
    for v_group, z_group in zip(v.reshape(-1, size), z.reshape(-1, size), strict=True):
        if z_group.any():
            slope = v_group - z_group - threshold * z_group / np.linalg.norm(z_group)
            active = z_group != 0
            if nonnegative:
                assert (slope[~active] <= 1e-12).all()
                slope = slope[active]
            np.testing.assert_allclose(slope, 0, atol=1e-10)
        else:
            seen = np.maximum(v_group, 0) if nonnegative else v_group
            assert np.linalg.norm(seen) <= threshold + 1e-12


@every_operator
@quick
@given(a=vectors, b=vectors, threshold=thresholds)
def test_firmly_nonexpansive(name, a, b, threshold):
    difference = apply(name, a, threshold) - apply(name, b, threshold)
    assert difference @ difference <= difference @ (a - b) + 1e-10


@pytest.mark.parametrize("name", ["l1", "group"])
@quick
@given(v=vectors, threshold=thresholds)
def test_odd(name, v, threshold):
    np.testing.assert_array_equal(
        apply(name, -v, threshold), -apply(name, v, threshold)
    )


@every_operator
@quick
@given(v=vectors)
def test_zero_threshold_is_the_projection(name, v):
    allowed = np.maximum(v, 0) if OPERATORS[name][2] else v
    np.testing.assert_allclose(apply(name, v, 0.0), allowed, rtol=1e-15, atol=1e-150)


@quick
@given(v=vectors, threshold=thresholds)
def test_soft_thresholds_by_hand(v, threshold):
    by_hand = np.array(
        [
            x - threshold if x > threshold else x + threshold if x < -threshold else 0.0
            for x in v
        ]
    )
    np.testing.assert_allclose(apply("l1", v, threshold), by_hand, atol=1e-15)
    positive = np.where(v > 0, by_hand, 0.0)
    np.testing.assert_allclose(apply("l1+", v, threshold), positive, atol=1e-15)
    for operator, expected in [
        (block_soft_threshold, by_hand),
        (nonnegative_block_soft_threshold, positive),
    ]:
        groups_of_one = operator(torch.from_numpy(v), threshold, 1).numpy()
        np.testing.assert_allclose(groups_of_one, expected, atol=1e-14)


def test_block_by_hand():
    v = torch.tensor([[3.0, -4.0, 0.6, 0.8]], dtype=torch.float64)
    assert torch.equal(
        group_norms(v, 2), torch.tensor([[5.0, 1.0]], dtype=torch.float64)
    )
    expected = torch.tensor([[2.4, -3.2, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(block_soft_threshold(v, 1.0, 2), expected)
    expected = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(nonnegative_block_soft_threshold(v, 1.0, 2), expected)


@every_operator
@pytest.mark.parametrize("threshold", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_groups_stay_zero_and_have_finite_gradients(name, threshold, dtype):
    v = torch.tensor([0.0, 0, 0, 1, 2, 3], dtype=dtype, requires_grad=True)
    z = OPERATORS[name][0](v, threshold)
    assert z.dtype == dtype
    assert torch.equal(z[:3], torch.zeros(3, dtype=dtype))
    z.sum().backward()
    assert v.grad.isfinite().all()
    assert (v.grad[3:] > 0).all()
    if threshold > 0:
        assert torch.equal(v.grad[:3], torch.zeros(3, dtype=dtype))


def test_group_norms_have_zero_gradient_at_zero():
    v = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
    group_norms(v, GROUP_SIZE).sum().backward()
    assert torch.equal(v.grad, torch.zeros_like(v))


@every_operator
@pytest.mark.parametrize("threshold", [0.3, 1.1])
def test_gradcheck_away_from_kinks(name, threshold):
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(2, 4, 6, dtype=torch.float64, generator=generator)
    # Entries, groups and positive parts of groups: none within 1e-3 of a kink.
    kinks = [v.abs(), (v.abs() - threshold).abs()]
    kinks += [(group_norms(u, 3) - threshold).abs() for u in (v, v.relu())]
    assert min(kink.min() for kink in kinks) > 1e-3
    operator = OPERATORS[name][0]
    assert gradcheck(lambda v: operator(v, threshold), v.requires_grad_())


def test_norms_of_zero_groups_are_zero_and_so_are_their_gradients():
    v = torch.tensor([[0.0, 0.0, 3.0, 4.0]], requires_grad=True)
    norms = group_norms(v, 2)
    assert norms.tolist() == [[0.0, 5.0]]
    norms.sum().backward()
    torch.testing.assert_close(v.grad, torch.tensor([[0.0, 0.0, 0.6, 0.8]]))


@pytest.mark.parametrize("samples_last", [False, True])
def test_norms_of_what_is_not_a_number_and_of_tiny_numbers(samples_last):
    v = torch.tensor([[float("nan"), 1.0, 2e-22, 0.0, 3.0, 4.0]])
    if samples_last:
        v = v.mT.contiguous().mT
    expected = torch.tensor([[float("nan"), 0.0, 5.0]])
    torch.testing.assert_close(group_norms(v, 2), expected, equal_nan=True)
