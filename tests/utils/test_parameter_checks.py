"""Numbers that users pass as parameters."""

import numpy as np
import pytest

from skmixmate.utils.parameter_checks import check_integer, check_number

NAN = float("nan")


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(7)])
def test_integers(value):
    checked = check_integer(value, "n_atoms", min_val=1)
    assert type(checked) is int
    assert checked == value


@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, "1", None, True, np.True_, NAN])
def test_wrong_integers_are_named(value):
    with pytest.raises((TypeError, ValueError), match="n_atoms") as error:
        check_integer(value, "n_atoms", min_val=1)
    assert str(value) in str(error.value) or "instance" in str(error.value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int8(3)])
def test_numbers(value):
    checked = check_number(value, "alpha")
    assert type(checked) is float
    assert checked == value
    assert check_number(0, "tol", include_boundaries="left") == 0.0


@pytest.mark.parametrize("value", [0, -1.0, "1", None, True, 1j, np.inf, -np.inf, NAN])
def test_wrong_numbers_are_named(value):
    with pytest.raises((TypeError, ValueError), match="alpha"):
        check_number(value, "alpha")
