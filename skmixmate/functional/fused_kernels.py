"""Triton kernels: the encoder of complete samples each way, and the rest of a step.

Imported where they are used alone: Triton comes with the CUDA builds of PyTorch, and
nothing else needs it. `fused_encode`, `fused_lipschitz_constant`,
`fused_expected_energy`, `adam_by_kernel` and `fused_add_usage` call them and say what
they compute.

Symbols as in `gram_encode`, samples last: correlations C (K, P, B), Gram matrices G
(K, P, P), codes U in units of the step. A program has the codes of T samples for one
dictionary, from the first layer to the last, as a tile (PP, T) with PP, a power of two,
at least P. What is beyond P or B is zero, and stays zero. Of many layers, each kernel
has some, and the next one takes up what it leaves in memory.
"""

import triton
import triton.language as tl

__all__ = [
    "adam_kernel",
    "backward_kernel",
    "forward_kernel",
    "lipschitz_kernel",
    "loss_kernel",
    "usage_kernel",
]

_TINY = tl.constexpr(1.1754943508222875e-38)  # the smallest normal number


@triton.jit
def _positive(v):
    # What is not a number stays so: a diverged encoder has to show.
    return tl.maximum(v, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _sums_of_groups(v, PP: tl.constexpr, GROUP: tl.constexpr, PREC: tl.constexpr):
    """Sum over its group in each place of a tile, by a product, for any group size.

    Also of codes of one sample, (PP,).
    """
    group = tl.arange(0, PP) // GROUP
    together = (group[:, None] == group[None, :]).to(tl.float32)
    if len(v.shape) == 1:
        sums = tl.sum(together * v[None, :], axis=1)
    else:
        sums = tl.dot(together, v, input_precision=PREC)
    return sums


@triton.jit
def _norms(v, PP: tl.constexpr, GROUP: tl.constexpr, PREC: tl.constexpr):
    """Norm of its group in each place of a tile; can be divided by, also if zero."""
    return tl.sqrt(tl.maximum(_sums_of_groups(v * v, PP, GROUP, PREC), _TINY))


@triton.jit
def _prox(
    v,
    alpha,
    PP: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    PREC: tl.constexpr,
):
    if GROUP > 1:
        if NONNEGATIVE:
            v = _positive(v)
        norms = _norms(v, PP, GROUP, PREC)
        u = v * (tl.maximum(norms - alpha, 0.0) / norms)
    else:
        if NONNEGATIVE:
            u = _positive(v - alpha)
        else:
            u = v - tl.minimum(tl.maximum(v, -alpha), alpha)
    return u


@triton.jit
def _prox_backward(
    grad,
    v,
    alpha,
    PP: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    PREC: tl.constexpr,
):
    if GROUP > 1:
        w = v
        if NONNEGATIVE:
            w = tl.maximum(v, 0.0)
        norms = _norms(w, PP, GROUP, PREC)
        along = _sums_of_groups(w * grad, PP, GROUP, PREC) / norms / norms / norms
        along = tl.where(norms > alpha, along * alpha, 0.0)
        result = grad * (tl.maximum(norms - alpha, 0.0) / norms) + w * along
        if NONNEGATIVE:
            result = tl.where(v > 0.0, result, 0.0)
    else:
        if NONNEGATIVE:
            result = tl.where(v > alpha, grad, 0.0)
        else:
            result = tl.where(tl.abs(v) > alpha, grad, 0.0)
    return result


@triton.jit
def _load_layer_matrix(G, step, k, P, PP: tl.constexpr):
    """``I - step * G_k``, (PP, PP)."""
    p = tl.arange(0, PP)
    square = (p < P)[:, None] & (p < P)[None, :]
    g = tl.load(G + k * P * P + p[:, None] * P + p[None, :], mask=square, other=0.0)
    return (p[:, None] == p[None, :]).to(tl.float32) - step * g


# P does not specialise a kernel, which would be compiled anew where dictionaries grow.
# Nor does the number of atoms whose codes are kept, P or none: by the same kernel,
# energies are the same bits.
@triton.jit(do_not_specialize=["P", "first_layer", "n_places", "n_kept_atoms"])
def forward_kernel(
    C,
    G,
    STEP,
    MOMENTA,
    NORMS,
    SQUARES,
    PENALTIES,
    Z,
    E,
    V,
    alpha,
    P,
    B,
    first_layer,
    n_places,
    n_kept_atoms,
    N_LAYERS: tl.constexpr,
    BEGINS: tl.constexpr,
    ENDS: tl.constexpr,
    PP: tl.constexpr,
    T: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    KEEPS_LAYERS: tl.constexpr,
    PREC: tl.constexpr,
):
    """Squared residuals, penalties (K, B), codes and layers if kept; of norms (B,).

    ``E`` and ``V`` (places, K, P, B) have layers 1, 2, ..., the later ones in the
    places of the first if there are not enough.
    """
    k = tl.program_id(1).to(tl.int64)
    K = tl.num_programs(1)
    p = tl.arange(0, PP)
    b = tl.program_id(0) * T + tl.arange(0, T)
    inside = (p < P)[:, None] & (b < B)[None, :]
    at = p[:, None] * B + b[None, :]
    step = tl.load(STEP + k)
    a = _load_layer_matrix(G, step, k, P, PP)
    c = tl.load(C + k * P * B + at, mask=inside, other=0.0)
    if BEGINS:
        u = _prox(c, alpha, PP, GROUP, NONNEGATIVE, PREC)
        before = u
    else:
        place = ((first_layer - 2) % n_places * K + k) * P * B
        v = tl.load(V + place + at, mask=inside, other=0.0)
        u = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        place = ((first_layer - 3) % n_places * K + k) * P * B
        v = tl.load(V + place + at, mask=inside, other=0.0)
        before = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
    # Unrolled: as a loop, Triton 3.6 mixed up the two tiles that layers hand on.
    for i in tl.static_range(N_LAYERS):
        layer = first_layer + i
        e = u + tl.load(MOMENTA + layer) * (u - before)
        v = c + tl.dot(a, e, input_precision=PREC)
        before = u
        u = _prox(v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        if KEEPS_LAYERS:
            place = ((layer - 1) % n_places * K + k) * P * B
            tl.store(E + place + at, e, mask=inside)
            tl.store(V + place + at, v, mask=inside)
    if ENDS:
        gz = u - tl.dot(a, u, input_precision=PREC)
        z = step * u
        norms = tl.load(NORMS + b, mask=b < B, other=0.0)
        squares = norms * norms + tl.sum(z * (gz - 2.0 * c), axis=0)
        if GROUP > 1:
            penalties = tl.sum(z * z / _norms(z, PP, GROUP, PREC), axis=0)
        else:
            penalties = tl.sum(tl.abs(z), axis=0)
        tl.store(SQUARES + k * B + b, squares, mask=b < B)
        tl.store(PENALTIES + k * B + b, alpha * penalties, mask=b < B)
        is_kept = (p < n_kept_atoms)[:, None] & (b < B)[None, :]
        tl.store(Z + k * P * B + at, z, mask=is_kept)


@triton.jit(do_not_specialize=["P", "first_layer", "n_graded_atoms"])
def backward_kernel(
    C,
    G,
    STEP,
    MOMENTA,
    Z,
    E,
    V,
    SQUARES_GRAD,
    PENALTIES_GRAD,
    Z_GRAD,
    CARRIED,
    C_GRAD,
    G_GRAD,
    alpha,
    P,
    B,
    first_layer,
    n_graded_atoms,
    N_LAYERS: tl.constexpr,
    BEGINS: tl.constexpr,
    ENDS: tl.constexpr,
    PP: tl.constexpr,
    T: tl.constexpr,
    GROUP: tl.constexpr,
    NONNEGATIVE: tl.constexpr,
    PREC: tl.constexpr,
):
    """Gradients of C, and of G for each tile of samples, (tiles, K, P, P).

    ``BEGINS`` and ``ENDS`` are those of the forward pass, whose end comes first here;
    ``CARRIED`` (2, K, P, B) is what some layers hand on to those before them.
    """
    tile = tl.program_id(0)
    k = tl.program_id(1).to(tl.int64)
    K = tl.num_programs(1)
    p = tl.arange(0, PP)
    b = tile * T + tl.arange(0, T)
    inside = (p < P)[:, None] & (b < B)[None, :]
    at = p[:, None] * B + b[None, :]
    step = tl.load(STEP + k)
    a = _load_layer_matrix(G, step, k, P, PP)
    c = tl.load(C + k * P * B + at, mask=inside, other=0.0)
    carried = CARRIED + k * P * B + at
    later_carried = carried + K * P * B
    if ENDS:
        z = tl.load(Z + k * P * B + at, mask=inside, other=0.0)
        squares_grad = tl.load(SQUARES_GRAD + k * B + b, mask=b < B, other=0.0)[None, :]
        penalties_grad = tl.load(PENALTIES_GRAD + k * B + b, mask=b < B, other=0.0)
        gz = (z - tl.dot(a, z, input_precision=PREC)) / step
        if GROUP > 1:
            direction = z / _norms(z, PP, GROUP, PREC)
        else:
            direction = tl.where(z > 0.0, 1.0, tl.where(z < 0.0, -1.0, 0.0))
        z_grad = penalties_grad[None, :] * alpha * direction
        z_grad += 2.0 * squares_grad * (gz - c)
        is_graded = (p < n_graded_atoms)[:, None] & (b < B)[None, :]
        z_grad += tl.load(Z_GRAD + k * P * B + at, mask=is_graded, other=0.0)
        u_grad = step * z_grad
        c_grad = -2.0 * squares_grad * z
        later = tl.zeros((PP, T), tl.float32)
    else:
        u_grad = tl.load(carried, mask=inside, other=0.0)
        later = tl.load(later_carried, mask=inside, other=0.0)
        c_grad = tl.load(C_GRAD + k * P * B + at, mask=inside, other=0.0)
    a_grad = tl.zeros((PP, PP), tl.float32)
    for i in tl.static_range(N_LAYERS):
        layer = first_layer + N_LAYERS - 1 - i
        place = ((layer - 1) * K + k) * P * B
        v = tl.load(V + place + at, mask=inside, other=0.0)
        e = tl.load(E + place + at, mask=inside, other=0.0)
        momentum = tl.load(MOMENTA + layer)
        v_grad = _prox_backward(u_grad, v, alpha, PP, GROUP, NONNEGATIVE, PREC)
        c_grad += v_grad
        a_grad += tl.dot(v_grad, tl.trans(e), input_precision=PREC)
        e_grad = tl.dot(a, v_grad, input_precision=PREC)
        u_grad = (1.0 + momentum) * e_grad - later
        later = momentum * e_grad
    if BEGINS:
        c_grad += _prox_backward(u_grad, c, alpha, PP, GROUP, NONNEGATIVE, PREC)
    else:
        tl.store(carried, u_grad, mask=inside)
        tl.store(later_carried, later, mask=inside)
    tl.store(C_GRAD + k * P * B + at, c_grad, mask=inside)
    square = (p < P)[:, None] & (p < P)[None, :]
    place = (tile.to(tl.int64) * K + k) * P * P
    at_square = p[:, None] * P + p[None, :]
    if ENDS:
        g_grad = tl.dot(squares_grad * z, tl.trans(z), input_precision=PREC)
    else:
        g_grad = tl.load(G_GRAD + place + at_square, mask=square, other=0.0)
    tl.store(G_GRAD + place + at_square, g_grad - step * a_grad, mask=square)


@triton.jit
def _trace(matrix, PP: tl.constexpr):
    p = tl.arange(0, PP)
    diagonal = tl.where(p[:, None] == p[None, :], matrix, 0.0)
    return tl.sum(tl.sum(diagonal, axis=1), axis=0)


@triton.jit(do_not_specialize=["P"])
def lipschitz_kernel(
    G,
    BOUNDS,
    slack,
    P,
    N_SQUARINGS: tl.constexpr,
    PP: tl.constexpr,
    PREC: tl.constexpr,
):
    """``trace(G^q)^(1/q)`` of each Gram matrix, (K,), with q a power of two."""
    k = tl.program_id(0).to(tl.int64)
    p = tl.arange(0, PP)
    square = (p < P)[:, None] & (p < P)[None, :]
    g = tl.load(G + k * P * P + p[:, None] * P + p[None, :], mask=square, other=0.0)
    scale = _trace(g, PP)
    power = g / tl.maximum(scale, _TINY)
    log_trace = tl.zeros((), tl.float32)
    for n_squared in tl.static_range(1, N_SQUARINGS + 1):
        power = tl.dot(power, power, input_precision=PREC)
        # Two squarings of a matrix of trace one stay in range.
        if n_squared % 2 == 0 or n_squared == N_SQUARINGS:
            trace = tl.maximum(_trace(power, PP), _TINY)
            log_trace += tl.log(trace) / (1 << n_squared)
            power = power / trace
    bound = tl.where(scale < _TINY, 1.0, scale * tl.exp(log_trace) * slack)
    tl.store(BOUNDS + k, bound)


@triton.jit(do_not_specialize=["B", "K"])
def loss_kernel(
    ENERGIES,
    LOSS,
    GRADIENT,
    largest_gap,
    B,
    K,
    stride_of_samples,
    stride_of_clusters,
    T: tl.constexpr,
    KK: tl.constexpr,
):
    """Expected energies (B,) and their gradient, as (K, B)."""
    b = tl.program_id(0) * T + tl.arange(0, T)
    k = tl.arange(0, KK)
    inside = (b < B)[:, None] & (k < K)[None, :]
    at = b.to(tl.int64)[:, None] * stride_of_samples + k[None, :] * stride_of_clusters
    energies = tl.load(ENERGIES + at, mask=inside, other=0.0)
    lowest = tl.min(tl.where((k < K)[None, :], energies, float("inf")), axis=1)
    gaps = energies - lowest[:, None]
    is_finite = tl.abs(energies) < float("inf")
    # Of no weight, but for those that are infinite, which have to show.
    is_left_out = (is_finite & (gaps > largest_gap)) | (k >= K)[None, :]
    weights = tl.where(is_left_out, 0.0, tl.exp(-gaps))
    p = weights / tl.sum(weights, axis=1)[:, None]
    energies = tl.where(is_left_out, 0.0, energies)
    loss = tl.sum(p * energies, axis=1)
    tl.store(LOSS + b, loss, mask=b < B)
    gradient = p * (1.0 + loss[:, None] - energies)
    where = k.to(tl.int64)[None, :] * B + b[:, None]
    tl.store(GRADIENT + where, gradient, mask=inside)


@triton.jit
def _share(n_steps, log_decay):
    """``1 - decay^n_steps``, by its series where the difference would lose digits."""
    x = n_steps * log_decay
    series = 1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))
    series = 1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * series))
    return tl.where(x > -0.5, -x * series, 1.0 - tl.exp(x))


@triton.jit
def adam_kernel(
    D,
    GRADIENT,
    MEAN,
    MEAN_SQUARE,
    STEP,
    RATE,
    decay,
    rest,
    log_decay,
    decay_of_squares,
    rest_of_squares,
    log_decay_of_squares,
    eps,
    M,
    MM: tl.constexpr,
    NORMALIZES: tl.constexpr,
):
    """A step of Adam, in place, an atom (M,) each program; then to unit norm."""
    m = tl.arange(0, MM)
    inside = m < M
    at = tl.program_id(0).to(tl.int64) * M + m
    n_steps = tl.load(STEP)
    rate = tl.load(RATE) / _share(n_steps, log_decay)
    root_of_share = tl.sqrt(_share(n_steps, log_decay_of_squares))
    gradient = tl.load(GRADIENT + at, mask=inside, other=0.0)
    mean = tl.load(MEAN + at, mask=inside, other=0.0)
    mean_square = tl.load(MEAN_SQUARE + at, mask=inside, other=0.0)
    mean = decay * mean + rest * gradient
    mean_square = decay_of_squares * mean_square + rest_of_squares * gradient * gradient
    tl.store(MEAN + at, mean, mask=inside)
    tl.store(MEAN_SQUARE + at, mean_square, mask=inside)
    change = rate * mean / (tl.sqrt(mean_square) / root_of_share + eps)
    # Places beyond M may have no number there.
    d = tl.load(D + at, mask=inside, other=0.0) - tl.where(inside, change, 0.0)
    if NORMALIZES:
        norm = tl.sqrt(tl.sum(d * d, axis=0))
        d = d / tl.maximum(norm, _TINY, propagate_nan=tl.PropagateNan.ALL)
    tl.store(D + at, d, mask=inside)


# Neither sizes nor strides: a batch of another size is no other kernel.
@triton.jit(
    do_not_specialize=[
        *("B", "K", "P", "sample_of_energies", "cluster_of_energies"),
        *("cluster_of_codes", "sample_of_codes", "atom_of_codes"),
    ]
)
def usage_kernel(
    ENERGIES,
    CODES,
    INDICES,
    USAGE,
    ENERGY,
    LABEL,
    B,
    K,
    P,
    sample_of_energies,
    cluster_of_energies,
    cluster_of_codes,
    sample_of_codes,
    atom_of_codes,
    PP: tl.constexpr,
    T: tl.constexpr,
    KK: tl.constexpr,
):
    """Usage of PP atoms of a dictionary; of samples energy and cluster, by one program.

    Names of strides say along what they go.
    """
    k = tl.program_id(0)
    p = tl.program_id(1) * PP + tl.arange(0, PP)
    clusters = tl.arange(0, KK)
    n_written = tl.where(k + tl.program_id(1) == 0, B, 0)
    usage = tl.zeros((PP,), tl.float32)
    for start in range(0, B, T):
        b = start + tl.arange(0, T)
        samples = b.to(tl.int64)
        at = samples[:, None] * sample_of_energies
        at += clusters.to(tl.int64)[None, :] * cluster_of_energies
        inside = (b < B)[:, None] & (clusters < K)[None, :]
        energies = tl.load(ENERGIES + at, mask=inside, other=0.0)
        energies = tl.where((clusters < K)[None, :], energies, float("inf"))
        lowest = tl.min(energies, axis=1)
        weights = tl.exp(lowest[:, None] - energies)
        own = tl.sum(tl.where((clusters == k)[None, :], weights, 0.0), axis=1)
        own = own / tl.sum(weights, axis=1)
        at = (
            p.to(tl.int64)[:, None] * atom_of_codes + samples[None, :] * sample_of_codes
        )
        inside = (p < P)[:, None] & (b < B)[None, :]
        place = k.to(tl.int64) * cluster_of_codes
        codes = tl.load(CODES + place + at, mask=inside, other=0.0)
        usage += tl.sum(tl.abs(codes) * own[None, :], axis=1)
        is_written = b < n_written
        index = tl.load(INDICES + b, mask=is_written, other=0)
        tl.store(ENERGY + index, lowest, mask=is_written)
        label = tl.argmin(energies, axis=1).to(tl.int64)
        tl.store(LABEL + index, label, mask=is_written)
    place = k.to(tl.int64) * P + p
    usage += tl.load(USAGE + place, mask=p < P, other=0.0)
    tl.store(USAGE + place, usage, mask=p < P)
