"""Triton kernels: the encoder of incomplete samples each way, and its Gram matrices.

Imported where they are used alone, as `fused_kernels`. `fused_masked_encode` calls them
and says what they compute.

A program has one sample and one dictionary, N of them in all: sample after sample, the
dictionaries of a part for each. Codes are vectors (PP,), Gram matrices tiles (PP, PP),
with PP, a power of two, at least P; what is beyond P is zero, and stays zero. In memory
a Gram matrix is its lower triangle, row by row: ``P (P + 1) / 2`` numbers.

Layers are unrolled, some at a time (`fused_kernels` says why no loop has them), and the
next ones take up what these leave in memory. No number of samples, atoms, features or
layers specialises a kernel: what is right for one is right for all.
"""

import triton
import triton.language as tl

from .fused_kernels import _norms, _prox, _prox_backward

__all__ = [
    "masked_backward_kernel",
    "masked_forward_kernel",
    "products_backward_kernel",
    "products_kernel",
]


@triton.jit
def _pair(p, q):
    """Place in the lower triangle, of whichever triangle they are."""
    high, low = tl.maximum(p, q), tl.minimum(p, q)
    return high * (high + 1) // 2 + low


@triton.jit
def _load_layer_matrix(G, step, n, P, PP: tl.constexpr):
    """``I - step * G_n``, (PP, PP)."""
    p = tl.arange(0, PP)
    row, column = p[:, None], p[None, :]
    square = (row < P) & (column < P)
    place = n * (P * (P + 1) // 2)
    g = tl.load(G + place + _pair(row, column), mask=square, other=0.0)
    return (row == column).to(tl.float32) - step * g


@triton.jit
def _product(a, e):
    """``a e`` of a symmetric matrix (PP, PP) and codes (PP,)."""
    return tl.sum(a * e[None, :], axis=1)


@triton.jit(
    do_not_specialize=[
        *("P", "B", "n_clusters", "first_cluster", "first_sample"),
        *("first_layer", "n_places", "n_kept_atoms"),
    ]
)
def masked_forward_kernel(
    V,
    G,
    STEP,
    MOMENTA,
    NORMS,
    SQUARES,
    PENALTIES,
    Z,
    alpha,
    P,
    B,
    n_clusters,
    first_cluster,
    first_sample,
    first_layer,
    n_places,
    n_kept_atoms,
    N_LAYERS: tl.constexpr,
    BEGINS: tl.constexpr,
    ENDS: tl.constexpr,
    KEEPS_LAYERS: tl.constexpr,
    PP: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    PREC: tl.constexpr,
):
    """Some layers; at the end squared residuals, penalties (K, B) and codes (K, B, P).

    ``V`` (places, N, P) has the correlations, and then what goes into the prox of
    layers 1, 2, ..., the later ones in the places of the first if there are not enough.
    """
    n = tl.program_id(0).to(tl.int64)
    N = tl.num_programs(0)
    k = first_cluster + n % n_clusters
    b = first_sample + n // n_clusters
    p = tl.arange(0, PP)
    step = tl.load(STEP + k)
    a = _load_layer_matrix(G, step, n, P, PP)
    c = tl.load(V + n * P + p, mask=p < P, other=0.0)
    if BEGINS:
        u = _prox(c, alpha, PP, GROUP, NONNEGATIVE, PREC)
        before = u
    else:
        place = 1 + (first_layer - 2) % (n_places - 1)
        v = tl.load(V + (place * N + n) * P + p, mask=p < P, other=0.0)
        u = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        place = 1 + (first_layer - 3) % (n_places - 1)
        v = tl.load(V + (place * N + n) * P + p, mask=p < P, other=0.0)
        before = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
    for i in tl.static_range(N_LAYERS):
        layer = first_layer + i
        e = u + tl.load(MOMENTA + layer) * (u - before)
        v = c + _product(a, e)
        before = u
        u = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        if KEEPS_LAYERS:
            place = 1 + (layer - 1) % (n_places - 1)
            tl.store(V + (place * N + n) * P + p, v, mask=p < P)
    if ENDS:
        gz = u - _product(a, u)
        z = step * u
        norm = tl.load(NORMS + b)
        squares = norm * norm + tl.sum(z * (gz - 2.0 * c), axis=0)
        if GROUP > 1:
            penalty = tl.sum(z * z / _norms(z, PP, GROUP, PREC), axis=0)
        else:
            penalty = tl.sum(tl.abs(z), axis=0)
        tl.store(SQUARES + k * B + b, squares)
        tl.store(PENALTIES + k * B + b, alpha * penalty)
        # By the same kernel whether codes are kept, energies are the same bits.
        tl.store(Z + (k * B + b) * P + p, z, mask=p < n_kept_atoms)


@triton.jit(
    do_not_specialize=[
        *("P", "B", "n_clusters", "first_cluster", "first_sample"),
        *("first_layer", "n_graded_atoms"),
    ]
)
def masked_backward_kernel(
    V,
    G,
    STEP,
    MOMENTA,
    SQUARES_GRAD,
    PENALTIES_GRAD,
    Z_GRAD,
    CARRIED,
    C_GRAD,
    G_GRAD,
    alpha,
    P,
    B,
    n_clusters,
    first_cluster,
    first_sample,
    first_layer,
    n_graded_atoms,
    N_LAYERS: tl.constexpr,
    BEGINS: tl.constexpr,
    ENDS: tl.constexpr,
    PP: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    PREC: tl.constexpr,
):
    """Gradients of correlations (N, P) and of Gram matrices, from the last layer on.

    Of the latter, those of both triangles in one, twice the diagonal. ``BEGINS`` and
    ``ENDS`` are those of the forward pass, whose end comes first here; ``CARRIED``
    (2, N, P) is what some layers hand on to those before them.
    """
    n = tl.program_id(0).to(tl.int64)
    N = tl.num_programs(0)
    k = first_cluster + n % n_clusters
    b = first_sample + n // n_clusters
    p = tl.arange(0, PP)
    step = tl.load(STEP + k)
    a = _load_layer_matrix(G, step, n, P, PP)
    c = tl.load(V + n * P + p, mask=p < P, other=0.0)
    last_layer = first_layer + N_LAYERS - 1
    v = tl.load(V + (last_layer * N + n) * P + p, mask=p < P, other=0.0)
    if ENDS:
        squares_grad = tl.load(SQUARES_GRAD + k * B + b)
        u = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        gz = u - _product(a, u)
        z = step * u
        if GROUP > 1:
            direction = z / _norms(z, PP, GROUP, PREC)
        else:
            direction = tl.where(z > 0.0, 1.0, tl.where(z < 0.0, -1.0, 0.0))
        z_grad = tl.load(PENALTIES_GRAD + k * B + b) * alpha * direction
        z_grad += 2.0 * squares_grad * (gz - c)
        is_graded = p < n_graded_atoms
        z_grad += tl.load(Z_GRAD + (k * B + b) * P + p, mask=is_graded, other=0.0)
        u_grad = step * z_grad
        later = tl.zeros((PP,), tl.float32)
        c_grad = -2.0 * squares_grad * z
        g_grad = (squares_grad * z)[:, None] * z[None, :]
    else:
        u_grad = tl.load(CARRIED + n * P + p, mask=p < P, other=0.0)
        later = tl.load(CARRIED + (N + n) * P + p, mask=p < P, other=0.0)
        c_grad = tl.load(C_GRAD + n * P + p, mask=p < P, other=0.0)
        g_grad = tl.zeros((PP, PP), tl.float32)
    # Extrapolated codes are made again from what went into the prox.
    place = tl.maximum(last_layer - 1, 0)
    v_before = tl.load(V + (place * N + n) * P + p, mask=p < P, other=0.0)
    u = _prox(v_before, alpha, PP, GROUP, NONNEGATIVE, PREC)
    for i in tl.static_range(N_LAYERS):
        layer = last_layer - i
        place = tl.maximum(layer - 2, 0)
        v_first = tl.load(V + (place * N + n) * P + p, mask=p < P, other=0.0)
        before = _prox(v_first, alpha, PP, GROUP, NONNEGATIVE, PREC)
        momentum = tl.load(MOMENTA + layer)
        e = u + momentum * (u - before)
        v_grad = _prox_backward(u_grad, v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        c_grad += v_grad
        g_grad -= (step * v_grad)[:, None] * e[None, :]
        e_grad = _product(a, v_grad)
        u_grad = (1.0 + momentum) * e_grad - later
        later = momentum * e_grad
        v, v_before, u = v_before, v_first, before
    if BEGINS:
        c_grad += _prox_backward(u_grad, c, alpha, PP, GROUP, NONNEGATIVE, PREC)
    else:
        tl.store(CARRIED + n * P + p, u_grad, mask=p < P)
        tl.store(CARRIED + (N + n) * P + p, later, mask=p < P)
    tl.store(C_GRAD + n * P + p, c_grad, mask=p < P)
    g_grad += tl.trans(g_grad)
    row, column = p[:, None], p[None, :]
    triangle = (row < P) & (column <= row)
    # Not by `_pair`, whose places would take registers from its first use on.
    at_triangle = n * (P * (P + 1) // 2) + row * (row + 1) // 2 + column
    if not ENDS:
        g_grad += tl.load(G_GRAD + at_triangle, mask=triangle, other=0.0)
    tl.store(G_GRAD + at_triangle, g_grad, mask=triangle)


@triton.jit(do_not_specialize=["P", "M", "first_cluster"])
def products_kernel(D, PRODUCTS, P, M, first_cluster, MM: tl.constexpr):
    """Products of the entries of two atoms, (clusters of the part, P (P + 1) / 2, M).

    A program has an atom, those up to it, and MM features.
    """
    k = tl.program_id(0).to(tl.int64) // P
    p = (tl.program_id(0) % P).to(tl.int64)
    m = tl.program_id(1) * MM + tl.arange(0, MM)
    atoms = D + (first_cluster + k) * P * M + m
    row = PRODUCTS + (k * (P * (P + 1) // 2) + p * (p + 1) // 2) * M + m
    one = tl.load(atoms + p * M, mask=m < M, other=0.0)
    for q in range(p + 1):
        other = tl.load(atoms + q * M, mask=m < M, other=0.0)
        tl.store(row + q * M, one * other, mask=m < M)


@triton.jit(do_not_specialize=["P", "M", "first_cluster"])
def products_backward_kernel(
    PRODUCTS_GRAD, D, D_GRAD, P, M, first_cluster, MM: tl.constexpr
):
    """Add to the gradient of D what comes from that of `products_kernel`.

    A program has an atom and MM features; gradients are of squares twice.
    """
    k = tl.program_id(0).to(tl.int64) // P
    p = (tl.program_id(0) % P).to(tl.int64)
    m = tl.program_id(1) * MM + tl.arange(0, MM)
    atoms = (first_cluster + k) * P * M + m
    pairs = PRODUCTS_GRAD + k * (P * (P + 1) // 2) * M + m
    total = tl.load(D_GRAD + atoms + p * M, mask=m < M, other=0.0)
    for q in range(P):
        other = tl.load(D + atoms + q * M, mask=m < M, other=0.0)
        grad = tl.load(pairs + _pair(p, q) * M, mask=m < M, other=0.0)
        total += grad * other
    tl.store(D_GRAD + atoms + p * M, total, mask=m < M)
