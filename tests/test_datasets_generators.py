"""Seeded generators of data from the papers' models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate.datasets import make_dictionary_mixture, make_group_sparse


@pytest.mark.parametrize("make", [make_dictionary_mixture, make_group_sparse])
def test_generators_are_reproducible(make):
    options = {"missing": 0.1} if make is make_dictionary_mixture else {"snr_db": 5}
    first = make(30, random_state=3, **options)
    again = make(30, random_state=np.random.RandomState(3), **options)
    other = make(30, random_state=4, **options)
    assert first.keys() == again.keys()
    for name in first.keys() - {"DESCR"}:
        assert_array_equal(first[name], again[name])
    assert not np.array_equal(first.codes, other.codes)


@pytest.mark.parametrize("make", [make_dictionary_mixture, make_group_sparse])
@pytest.mark.parametrize("random_state", [None, 0])
def test_generators_leave_the_global_generator_alone(make, random_state):
    before = np.random.get_state()  # noqa: NPY002 (only read)
    make(10, random_state=random_state)
    after = np.random.get_state()  # noqa: NPY002 (only read)
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_mixture_is_its_codes_times_its_dictionaries():
    mixture = make_dictionary_mixture(
        80,
        n_clusters=4,
        n_atoms=6,
        n_features=9,
        n_nonzero_coefs=2,
        noise=0.0,
        random_state=0,
    )
    assert mixture.data.shape == (80, 9)
    assert mixture.dictionaries.shape == (4, 6, 9)
    assert mixture.codes.shape == (80, 6)
    assert mixture.target.dtype == np.int64
    assert set(mixture.target) == {0, 1, 2, 3}
    own = mixture.dictionaries[mixture.target]
    assert_allclose(np.einsum("np,npm->nm", mixture.codes, own), mixture.data)
    assert_allclose(np.linalg.norm(mixture.dictionaries, axis=2), 1.0)
    assert_array_equal(np.count_nonzero(mixture.codes, axis=1), 2)
    sizes = np.abs(mixture.codes[mixture.codes != 0])
    assert 1.0 <= sizes.min() < 1.1 < 1.9 < sizes.max() <= 2.0
    assert mixture.codes.min() < 0 < mixture.codes.max()
    assert "4 dictionaries of 6 atoms" in mixture.DESCR


def test_mixture_noise_and_signs():
    mixture = make_dictionary_mixture(2000, noise=0.5, nonnegative=True, random_state=0)
    assert mixture.codes.min() == 0.0
    own = mixture.dictionaries[mixture.target]
    noise = mixture.data - np.einsum("np,npm->nm", mixture.codes, own)
    assert noise.std() == pytest.approx(0.5, rel=0.02)


def test_mixture_weights():
    target = make_dictionary_mixture(
        4000, weights=[0.7, 0.3, 0.0], random_state=0
    ).target
    frequencies = np.bincount(target, minlength=3) / 4000
    assert_allclose(frequencies, [0.7, 0.3, 0.0], atol=0.03)


@given(st.integers(2, 12), st.integers(2, 12), st.floats(0, 1), st.integers(0, 99))
def test_missing_spares_each_row_and_column(n_samples, n_features, share, seed):
    largest = 1 - max(n_samples, n_features) / (n_samples * n_features)
    options = {"n_features": n_features, "random_state": seed}
    missing = share * largest
    data = make_dictionary_mixture(n_samples, missing=missing, **options).data
    absent = np.isnan(data)
    assert absent.sum() == round(missing * data.size)
    assert not absent.all(axis=0).any()
    assert not absent.all(axis=1).any()
    complete = make_dictionary_mixture(n_samples, **options).data
    assert_array_equal(data[~absent], complete[~absent])


def test_missing_entries_are_uniform():
    absent = sum(
        np.isnan(
            make_dictionary_mixture(
                3, n_features=4, missing=0.25, random_state=seed
            ).data
        )
        for seed in range(2000)
    )
    assert_allclose(absent / 2000, 0.25, atol=0.05)


def test_group_sparse_is_its_codes_times_its_dictionary():
    made = make_group_sparse(
        60,
        n_groups=8,
        group_size=3,
        n_features=20,
        n_active_groups=2,
        norm_range=(1.0, 2.0),
        random_state=0,
    )
    assert made.data.shape == (60, 20)
    assert made.codes.shape == (60, 24)
    assert made.dictionary.shape == (24, 20)
    assert_allclose(made.codes @ made.dictionary, made.data)
    assert_allclose(np.linalg.norm(made.dictionary, axis=1), 1.0)
    norms = np.linalg.norm(made.codes.reshape(60, 8, 3), axis=2)
    assert_array_equal(np.count_nonzero(norms, axis=1), 2)
    assert 1.0 - 1e-12 <= norms[norms > 0].min() < 1.1
    assert 1.9 < norms.max() <= 2.0 + 1e-12
    assert "2 active out of 8 groups of 3 atoms, no noise" in made.DESCR


@pytest.mark.parametrize("snr_db", [-3.0, 10])
def test_group_sparse_noise(snr_db):
    made = make_group_sparse(500, snr_db=snr_db, random_state=0)
    signal = made.codes @ made.dictionary
    ratio = np.mean(signal**2) / np.mean((made.data - signal) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (make_dictionary_mixture, {"n_samples": 0}, ValueError, "n_samples == 0"),
        (make_dictionary_mixture, {"n_samples": 2.0}, TypeError, "n_samples"),
        (make_dictionary_mixture, {"n_clusters": 0}, ValueError, "n_clusters == 0"),
        (make_dictionary_mixture, {"n_atoms": 0}, ValueError, "n_atoms == 0"),
        (make_dictionary_mixture, {"n_features": -1}, ValueError, "n_features == -1"),
        (
            make_dictionary_mixture,
            {"n_nonzero_coefs": 11},
            ValueError,
            "n_nonzero_coefs == 11, must be <= 10",
        ),
        (make_dictionary_mixture, {"noise": -0.1}, ValueError, "noise == -0.1"),
        (make_dictionary_mixture, {"noise": np.inf}, ValueError, "noise must be fin"),
        (make_dictionary_mixture, {"noise": "a"}, TypeError, "noise"),
        (make_dictionary_mixture, {"missing": -0.1}, ValueError, "missing == -0.1"),
        (make_dictionary_mixture, {"missing": np.nan}, ValueError, "missing must be"),
        (make_dictionary_mixture, {"missing": 1.0}, ValueError, "at most 0.98 .* 1.0"),
        (make_dictionary_mixture, {"weights": [1.0]}, ValueError, r"shape \(1,\)"),
        (make_dictionary_mixture, {"weights": [1, 1, 1]}, ValueError, "sum to 1, got"),
        (make_dictionary_mixture, {"weights": [2, -1, 0]}, ValueError, "nonnegative"),
        (make_dictionary_mixture, {"random_state": "a"}, ValueError, "'a'"),
        (make_group_sparse, {"n_samples": 0}, ValueError, "n_samples == 0"),
        (make_group_sparse, {"n_groups": 0}, ValueError, "n_groups == 0"),
        (make_group_sparse, {"group_size": 0}, ValueError, "group_size == 0"),
        (make_group_sparse, {"n_features": 0}, ValueError, "n_features == 0"),
        (
            make_group_sparse,
            {"n_active_groups": 51},
            ValueError,
            "n_active_groups == 51, must be <= 50",
        ),
        (make_group_sparse, {"norm_range": (5, 4)}, ValueError, "norm_range .*5.*4"),
        (make_group_sparse, {"norm_range": 4.0}, ValueError, "norm_range must be two"),
        (make_group_sparse, {"snr_db": np.nan}, ValueError, "snr_db must be finite"),
        (make_group_sparse, {"snr_db": "high"}, TypeError, "snr_db"),
    ],
)
def test_bad_parameters_are_named(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)
