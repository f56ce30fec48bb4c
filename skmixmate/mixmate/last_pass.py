"""A last pass over the training samples, with the parameters as they are kept."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..base.samples import batched_outputs
from ..modules import DictionaryMixture, MixtureOutput
from ..training import Samples

__all__ = ["LastPass", "assigned_codes", "last_pass"]


@dataclass(frozen=True)
class LastPass:
    """Fitted attributes of `MixMateClustering` that describe the training samples."""

    labels_: np.ndarray
    loss_: float
    cluster_sizes_: np.ndarray
    atom_usage_: np.ndarray
    code_means_: np.ndarray
    code_covariances_: np.ndarray

    def joined(self, earlier) -> "LastPass":
        """Return the statistics of these samples and earlier ones together.

        Labels and loss are those of these samples.
        """
        sizes = self.cluster_sizes_ + earlier.cluster_sizes_
        share = (self.cluster_sizes_ / np.maximum(sizes, 1))[:, None]
        share = share.astype(self.code_means_.dtype)

        def mean(new, old):
            weight = share.reshape(-1, *(1,) * (new.ndim - 1))
            return weight * new + (1 - weight) * old

        def second_moments(statistics):
            means = statistics.code_means_
            return statistics.code_covariances_ + means[:, :, None] * means[:, None]

        means = mean(self.code_means_, earlier.code_means_)
        products = mean(second_moments(self), second_moments(earlier))
        return LastPass(
            labels_=self.labels_,
            loss_=self.loss_,
            cluster_sizes_=sizes,
            atom_usage_=mean(self.atom_usage_, earlier.atom_usage_),
            code_means_=means,
            code_covariances_=products - means[:, :, None] * means[:, None],
        )


def last_pass(
    module: DictionaryMixture, samples: Samples, empty_rows: Tensor | None = None
) -> LastPass:
    """Label the training samples and describe their codes.

    Parameters
    ----------
    module : DictionaryMixture
        Built from the fitted attributes, as `predict` builds it, so that ``labels_``
        and ``predict`` agree bit by bit.
    samples : Samples
    empty_rows : Tensor of shape (n_samples,), bool, default=None
        Samples of which nothing is observed; all but their labels goes without them.

    Returns
    -------
    LastPass

    Raises
    ------
    ValueError
        If the encoder diverges.
    """
    D = module.dictionaries
    n_clusters, n_atoms, _ = D.shape
    loss = torch.zeros((), dtype=torch.float64, device=D.device)
    sizes = torch.zeros(n_clusters, dtype=torch.long, device=D.device)
    usage, sums = D.new_zeros(n_clusters, n_atoms), D.new_zeros(n_clusters, n_atoms)
    products = D.new_zeros(n_clusters, n_atoms, n_atoms)
    labels = []
    for index, output in batched_outputs(module, samples):
        loss += module.loss(output).double() * len(output.energies)
        labels.append(output.energies.argmin(dim=1))
        codes = assigned_codes(output)
        one_hot = torch.nn.functional.one_hot(labels[-1], n_clusters)
        if empty_rows is not None:
            one_hot[empty_rows[index]] = 0
        sizes += one_hot.sum(0)
        members = one_hot.to(D.dtype).T
        usage += members @ codes.abs()
        sums += members @ codes
        products += (members.unsqueeze(-1) * codes).mT @ codes
    mean_loss = float(loss) / len(samples)
    # Double precision may get through where single precision, in training, did not.
    if not mean_loss <= torch.finfo(torch.float32).max:
        raise ValueError(
            f"The encoder diverges with step_size={module.step_size!r}: the energies "
            "of the samples are not finite. Use step_size='auto', or a smaller number."
        )
    divisors = sizes.clamp(min=1).to(D.dtype)[:, None]
    means = sums / divisors
    covariances = products / divisors[:, None] - means[:, :, None] * means[:, None]
    return LastPass(
        labels_=torch.cat(labels).cpu().numpy(),
        loss_=mean_loss,
        cluster_sizes_=sizes.cpu().numpy(),
        atom_usage_=(usage / divisors).cpu().numpy(),
        code_means_=means.cpu().numpy(),
        code_covariances_=covariances.cpu().numpy(),
    )


def assigned_codes(output: MixtureOutput) -> Tensor:
    """Code of each sample for its cluster of lowest energy, (B, P)."""
    rows = torch.arange(output.codes.shape[1], device=output.codes.device)
    return output.codes[output.energies.argmin(dim=1), rows]
