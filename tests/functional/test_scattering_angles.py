"""Scattering averaged over angles: its definition, and what turning an image does."""

import pytest
import torch

from skmixmate.functional import (
    averaged_over_angles,
    fft_scattering,
    fft_scattering_operators,
    paths_over_angles,
    scattering,
    scattering_operators,
    scattering_paths,
)


def random(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def over_angles(path, L):
    """The averaged path that a path belongs to."""
    if not path:
        return ()
    (j, angle), *second = path
    return (j, None), *((j2, (angle2 - angle) % L) for j2, angle2 in second)


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize(("J", "L"), [(1, 1), (1, 4), (2, 3), (3, 4), (4, 2)])
def test_means_over_the_paths_of_a_kind(J, L, max_order):
    paths = scattering_paths(J, L, max_order)
    S = random(2, len(paths), 2, 3)
    groups = {}
    for index, path in enumerate(paths):
        groups.setdefault(over_angles(path, L), []).append(index)
    # What is left, in order of scales.
    left = paths_over_angles(J, L, max_order)
    assert len(set(left)) == len(left)
    assert set(left) == set(groups)
    expected = torch.stack([S[:, groups[path]].mean(dim=1) for path in left], dim=1)
    means = averaged_over_angles(S, J, L, max_order)
    torch.testing.assert_close(means, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("max_order", [1, 2])
def test_gradients(max_order):
    S = random(2, len(scattering_paths(2, 3, max_order)), 1, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda S: averaged_over_angles(S, 2, 3, max_order), S
    )


@pytest.mark.parametrize(
    ("transform", "make"),
    [
        (scattering, scattering_operators),
        (fft_scattering, fft_scattering_operators),
    ],
)
@pytest.mark.parametrize(("J", "L"), [(2, 4), (3, 8)])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_turns_rows_and_columns(J, L, quarters, transform, make):
    side = 64
    X = torch.zeros(2, side, side, dtype=torch.float64)
    X[:, 27:36, 26:37] = random(2, 9, 11)
    turned = X
    for _ in range(quarters):
        # Samples lie (2^J - 1) / 2 pixels above and left of the middle.
        turned = turned.rot90(dims=(1, 2)).roll(1 - 2**J, dims=1)
    operators = make((side, side), J, L, dtype=torch.float64)
    S, of_turned = (transform(images, operators) for images in (X, turned))
    lengths = torch.tensor([len(path) for path in paths_over_angles(J, L)])
    expected = averaged_over_angles(S, J, L).rot90(quarters, dims=(2, 3))
    means = averaged_over_angles(of_turned, J, L)
    for order in range(3):
        theirs = expected[:, lengths == order]
        error = (means[:, lengths == order] - theirs).abs().max()
        # Sampling adds aliases, and those of the highest frequencies have one sign.
        assert error < 1e-4 * theirs.abs().max()
    # Without the means it is other paths that are strong.
    if quarters != 2:
        change = (of_turned - S.rot90(quarters, dims=(2, 3)))[:, 1:].abs().max()
        assert change > 0.1 * S[:, 1:].abs().max()


def test_any_turn_changes_little():
    side, J, L = 64, 3, 8
    position = torch.arange(side, dtype=torch.float64) - side // 2
    angles = torch.linspace(0.0, torch.pi, 7, dtype=torch.float64)[:, None, None]
    along = position[:, None] * angles.cos() + position * angles.sin()
    across = position * angles.cos() - position[:, None] * angles.sin()
    # A bar, and the same bar turned.
    X = torch.exp(-((along / 12) ** 4) - (across / 3) ** 4)
    operators = fft_scattering_operators((side, side), J, L, dtype=torch.float64)
    S = fft_scattering(X, operators)

    def change(S):
        S = S[:, 1:].sum(dim=(2, 3))  # Rows and columns are turned.
        return (S[1:] - S[0]).norm(dim=1).max() / S[0].norm()

    assert change(averaged_over_angles(S, J, L)) < 0.03
    assert change(S) > 0.5
