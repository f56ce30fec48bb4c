"""The fused kernels against the plain form in double precision, size by size."""

import functools
import itertools
import multiprocessing
import time
import warnings
from collections.abc import Iterable

import torch

from skmixmate.functional import NormPenalty, fused_errors, fused_masked_errors
from skmixmate.functional.fused_adam import adam_error
from skmixmate.functional.fused_fista import compiled_for, tiles
from skmixmate.functional.fused_lipschitz import lipschitz_error
from skmixmate.functional.fused_loss import loss_error
from skmixmate.functional.fused_usage import usage_error

# The l1 norm and groups of two sizes; the slowest to compile first.
PENALTIES = [
    NormPenalty(0.0, 5, True),
    NormPenalty(0.0, 2, False),
    NormPenalty(0.0, 1, True),
    NormPenalty(0.0, 1, False),
]
# Of each of three kernels, numbers of atoms that fill it or do not.
N_ATOMS = (100, 128, 50, 64, 5, 1, 16)
N_ITER = (15, 2, 1)


def cases() -> list[tuple[NormPenalty, int, int]]:
    """Penalty, number of atoms and of iterations."""
    return [
        (penalty, n_atoms, n_iter)
        for n_iter, n_atoms, penalty in itertools.product(N_ITER, N_ATOMS, PENALTIES)
        if n_atoms % penalty.group_size == 0
    ]


def one_case(device: str, case) -> dict:
    """Errors of both encoders, for inference and for training.

    Of complete samples with the first tile.
    """
    torch.set_num_threads(1)
    penalty, n_atoms, n_iter = case
    result = {
        "group_size": penalty.group_size,
        "nonnegative": penalty.nonnegative,
        "n_atoms": n_atoms,
        "n_iter": n_iter,
        "errors": [],
    }
    started = time.perf_counter()
    arguments = torch.device(device), n_atoms, penalty, n_iter
    for with_gradient in (False, True):
        tile = tiles(n_atoms, keeps_layers=with_gradient)[0]
        for name, errors_of in (
            (f"T={tile.n_samples}", functools.partial(fused_errors, tile=tile)),
            ("masked", fused_masked_errors),
        ):
            try:
                errors = errors_of(*arguments, with_gradient=with_gradient)
            except Exception as failure:  # As the package does.
                errors = {"failure": f"{type(failure).__name__}: {failure}"[:400]}
            result["errors"].append({"name": name, **errors})
    result["seconds"] = round(time.perf_counter() - started, 1)
    return result


def _compiled_first(case) -> tuple:
    penalty, n_atoms, n_iter = case
    return (*penalty[1:], compiled_for(n_atoms), n_iter)


def check(device: str, n_processes: int, is_small: bool) -> dict:
    """Run all cases, those with the same kernels one after the other."""
    warnings.simplefilter("ignore")
    chosen = [case for case in cases() if not is_small or case[1] * case[2] <= 20]
    # One of each kernel by many processes, which compile them; then the others.
    first = list({_compiled_first(case): case for case in chosen}.values())
    others = [case for case in chosen if case not in first]
    results = []
    with multiprocessing.get_context("spawn").Pool(n_processes) as pool:
        for group in (first, others):
            for result in pool.imap(
                *(functools.partial(one_case, device), group),
                chunksize=1 if group is first else 4,
            ):
                print(_line(result), flush=True)
                results.append(result)
    others = {
        "lipschitz": {P: lipschitz_error(P, torch.device(device)) for P in (5, 30, 64)},
        "loss": {
            K: _largest(loss_error(K, torch.device(device), n) for n in (37, 48))
            for K in (1, 10, 300)
        },
        # Interpreted, the last takes minutes.
        "usage": {
            K: usage_error(K, torch.device(device))
            for K in ((1, 10) if is_small else (1, 10, 300))
        },
        "adam": {
            M: _largest(
                adam_error(M, torch.device(device), normalizes=normalizes)
                for normalizes in (False, True)
            )
            for M in (5, 784, 1000, 8192)
        },
    }
    print(others, flush=True)
    errors = [error for result in results for error in result["errors"]]
    summary = {
        "n_cases": len(results),
        "n_failures": sum("failure" in error for error in errors),
        "largest_error_of_values": _largest(e.get("values", 0.0) for e in errors),
        "largest_error_of_gradient": _largest(e.get("gradient", 0.0) for e in errors),
    }
    print(summary)
    return {"summary": summary, **others, "cases": results}


def _largest(errors: Iterable[float]) -> float:
    """Not a number if one is none, unlike that of `max`."""
    return float(torch.tensor(list(errors), dtype=torch.float64).max())


def _line(result: dict) -> str:
    kind = "group {group_size}{sign} P={n_atoms} L={n_iter}".format(
        sign="+" if result["nonnegative"] else "", **result
    )
    errors = "; ".join(
        f"{e['name']} "
        + e.get("failure", f"{e.get('values', 0.0):.1e}")
        # Only training has one.
        + (f" gradient {e['gradient']:.1e}" if "gradient" in e else "")
        for e in result["errors"]
    )
    return f"{kind:24s} {errors} ({result['seconds']} s)"
