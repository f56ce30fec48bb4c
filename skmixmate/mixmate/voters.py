"""Training samples that vote on the clusters of samples near them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..functional import nearest_in_groups
from ..training import Samples
from ..utils.validation import shared_tensor

__all__ = ["Voters"]

# Samples that are voted on at a time, which bounds the memory beside them.
_BATCH_SIZE = 8192
# Voters of a cluster whose median is a point amid all of them.
_N_FOR_MEDIAN = 1000


@dataclass(frozen=True)
class Voters:
    """Samples sorted by their cluster, as arrays, and their probabilities.

    ``samples`` is (N, M), each minus the row of ``origins``, (K, M), of its cluster;
    cluster k has rows ``offsets[k]`` to ``offsets[k + 1]``. ``probabilities`` is
    (N, K).
    """

    samples: np.ndarray
    origins: np.ndarray
    offsets: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def from_samples(cls, samples: Samples, energies: Tensor, chosen) -> "Voters":
        """Let some samples vote.

        Parameters
        ----------
        samples : Samples
        energies : Tensor of shape (n_samples, n_clusters)
            Of all samples.
        chosen : ndarray of int
            Indices of those that vote.
        """
        n_clusters = energies.shape[1]
        clusters = energies.argmin(1).cpu().numpy()[chosen]
        order = np.argsort(clusters, kind="stable")
        chosen = torch.from_numpy(chosen[order])
        X = samples.batch(chosen).X.cpu().numpy()
        sizes = np.bincount(clusters, minlength=n_clusters)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        origins = np.zeros((n_clusters, X.shape[1]), X.dtype)
        for cluster in np.flatnonzero(sizes):
            members = X[offsets[cluster] : offsets[cluster + 1]]
            # A single sample far away would carry a mean off.
            origins[cluster] = np.median(members[:_N_FOR_MEDIAN], axis=0)
            members -= origins[cluster]
        probabilities = torch.softmax(-energies[chosen.to(energies.device)], dim=1)
        return cls(X, origins, offsets, probabilities.cpu().numpy())

    def vote(
        self, samples: Samples, energies: Tensor, n_neighbors: int, n_candidates: int
    ) -> Tensor:
        """Mean probabilities of samples and of the voters nearest to them.

        Parameters
        ----------
        samples : Samples
        energies : Tensor of shape (n_samples, n_clusters)
        n_neighbors : int
            Number of voters asked; no more than are in a sample's likeliest cluster,
            for then the others would have the majority wherever they are.
        n_candidates : int
            Number of likeliest clusters that are searched.

        Returns
        -------
        Tensor of shape (n_samples, n_clusters)
        """
        probabilities = torch.softmax(-energies, dim=1)
        if n_neighbors == 0:
            return probabilities
        device = samples.device
        voters, origins, opinions = (
            shared_tensor(array).to(device)
            for array in (self.samples, self.origins, self.probabilities)
        )
        offsets = self.offsets.tolist()
        sizes = torch.from_numpy(np.diff(self.offsets)).to(device)
        places = torch.arange(n_neighbors, device=device)
        for index in samples.slices(_BATCH_SIZE):
            likeliest = energies[index].to(device)
            n_searched = min(n_candidates, likeliest.shape[1])
            likeliest = likeliest.topk(n_searched, largest=False).indices
            neighbors = nearest_in_groups(
                samples.batch(index).X, likeliest, voters, origins, offsets, n_neighbors
            )
            n_asked = sizes[likeliest[:, 0]].clamp(max=n_neighbors).unsqueeze(1)
            asked = places < n_asked
            votes = opinions[neighbors.clamp(min=0)] * asked.unsqueeze(2)
            total = votes.sum(1).to(probabilities)
            probabilities[index] += total
            probabilities[index] /= (1 + n_asked).to(probabilities)
        return probabilities
