"""The mathematics in plain torch: no scikit-learn, no class but a named tuple.

Symbols, the same everywhere: B samples in a batch, K clusters, P atoms per
dictionary, M features. ``X`` (B, M), ``D`` (K, P, M), codes ``Z`` (K, B, P).
"""

from .conditional import conditional_means, conditional_variances, smoother
from .data_term import DataTerm, masked_term, residual_term
from .fft_scattering import (
    FFTScattering,
    fft_is_faster,
    fft_scattering,
    fft_scattering_operators,
)
from .fista import Encoded, Prox, fista, lipschitz_constant
from .fused_adam import AdamNumbers, adam_by_kernel, adam_is_fused
from .fused_check import fused_errors, fused_tile
from .fused_fista import FusedEncoded, NormPenalty, Tile, fused_encode, why_not_fused
from .fused_lipschitz import fused_lipschitz_constant
from .fused_loss import fused_expected_energy
from .fused_masked import fused_masked_encode, why_not_fused_masked
from .fused_masked_check import fused_masked_errors, fused_masked_is_right
from .fused_usage import fused_add_usage
from .gram_fista import gram_encode
from .mixture import (
    Usage,
    add_usage,
    dictionary_sizes,
    energies,
    expected_energy,
    responsibilities,
    separation_criterion,
)
from .neighbors import nearest_in_groups
from .omp import orthogonal_matching_pursuit
from .prox import (
    block_soft_threshold,
    block_soft_threshold_backward,
    group_norms,
    nonnegative_block_soft_threshold,
    nonnegative_soft_threshold,
    soft_threshold,
)
from .scattering import Scattering, normalized_paths, scattering, scattering_paths
from .scattering_1d import (
    scattering_1d,
    scattering_1d_frequencies,
    scattering_1d_paths,
)
from .scattering_1d_filters import (
    Scattering1D,
    scattering_1d_operators,
)
from .scattering_operators import scattering_operators
from .tiled_fista import tiled_encode

__all__ = [
    "AdamNumbers",
    "DataTerm",
    "Encoded",
    "FFTScattering",
    "FusedEncoded",
    "NormPenalty",
    "Prox",
    "Scattering",
    "Scattering1D",
    "Tile",
    "Usage",
    "adam_by_kernel",
    "adam_is_fused",
    "add_usage",
    "block_soft_threshold",
    "block_soft_threshold_backward",
    "conditional_means",
    "conditional_variances",
    "dictionary_sizes",
    "energies",
    "expected_energy",
    "fft_is_faster",
    "fft_scattering",
    "fft_scattering_operators",
    "fista",
    "fused_add_usage",
    "fused_encode",
    "fused_errors",
    "fused_expected_energy",
    "fused_lipschitz_constant",
    "fused_masked_encode",
    "fused_masked_errors",
    "fused_masked_is_right",
    "fused_tile",
    "gram_encode",
    "group_norms",
    "lipschitz_constant",
    "masked_term",
    "nearest_in_groups",
    "nonnegative_block_soft_threshold",
    "nonnegative_soft_threshold",
    "normalized_paths",
    "orthogonal_matching_pursuit",
    "residual_term",
    "responsibilities",
    "scattering",
    "scattering_1d",
    "scattering_1d_frequencies",
    "scattering_1d_operators",
    "scattering_1d_paths",
    "scattering_operators",
    "scattering_paths",
    "separation_criterion",
    "smoother",
    "soft_threshold",
    "tiled_encode",
    "why_not_fused",
    "why_not_fused_masked",
]
