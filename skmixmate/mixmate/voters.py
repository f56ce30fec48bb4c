"""Training samples that vote on the clusters of samples near them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from ..functional import nearest_in_groups
from ..training import Samples
from ..utils.progress import in_batches
from ..utils.validation import shared_tensor

__all__ = ["Voters"]

# Samples that are voted on at a time, which bounds the memory beside them.
_BATCH_SIZE = 8192
# Voters that are foretold at a time, each by the opinions of some others.
_BATCH_TO_FORETELL = 512
# Temperatures that are tried.
_TEMPERATURES = [2.0 ** (half / 2) for half in range(13)]
# Voters of a cluster whose median is a point amid all of them.
_N_FOR_MEDIAN = 1000


@dataclass(frozen=True)
class Voters:
    """Samples sorted by their cluster, as arrays, and their energies.

    ``samples`` is (N, M), each minus the row of ``origins``, (K, M), of its cluster; M
    may be fewer features than the mixture's. Cluster k has rows ``offsets[k]`` to
    ``offsets[k + 1]``. ``energies`` is (N, K).
    """

    samples: np.ndarray
    origins: np.ndarray
    offsets: np.ndarray
    energies: np.ndarray

    @classmethod
    def from_samples(
        cls, samples: Samples, energies: Tensor, chosen, n_features: int | None = None
    ) -> "Voters":
        """Let some samples vote.

        Parameters
        ----------
        samples : Samples
        energies : Tensor of shape (n_samples, n_clusters)
            Of all samples.
        chosen : ndarray of int
            Indices of those that vote.
        n_features : int, default=None
            Of which distances are, the first; None, or more than there are, is all.
        """
        n_clusters = energies.shape[1]
        clusters = energies.argmin(1).cpu().numpy()[chosen]
        order = np.argsort(clusters, kind="stable")
        chosen = torch.from_numpy(chosen[order])
        shape = len(chosen), len(range(samples.X.shape[1])[:n_features])
        X = torch.empty(shape, dtype=samples.dtype).numpy()
        for start in range(0, len(chosen), _BATCH_SIZE):
            part = slice(start, start + _BATCH_SIZE)
            X[part] = samples.batch(chosen[part]).X[:, :n_features].cpu().numpy()
        sizes = np.bincount(clusters, minlength=n_clusters)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        origins = np.zeros((n_clusters, X.shape[1]), X.dtype)
        for cluster in np.flatnonzero(sizes):
            members = X[offsets[cluster] : offsets[cluster + 1]]
            # A single sample far away would carry a mean off.
            origins[cluster] = np.median(members[:_N_FOR_MEDIAN], axis=0)
            members -= origins[cluster]
        energies = energies[chosen.to(energies.device)].cpu()
        return cls(X, origins, offsets, energies.numpy())

    def temperature(
        self,
        samples: Samples,
        energies: Tensor,
        rows: Tensor,
        n_neighbors: int,
        n_candidates: int,
        agreement: float | None = None,
    ) -> float:
        """Find the temperature at which neighbours foretell clusters best.

        That with the least Brier score of the mean probabilities of a voter's nearest,
        itself left out, for the cluster that it is in. If the mean of the largest of
        these probabilities is above ``agreement`` there, that at which it is not.

        Parameters
        ----------
        samples : Samples
        energies : Tensor of shape (n_samples, n_clusters)
        rows : Tensor of shape (n_rows,), int
            Samples that are voters, and are foretold.
        n_neighbors, n_candidates : int
            As in `vote`.
        agreement : float, default=None
            Share of the samples that two partitions as good as this one have in common.
            None if unknown.

        Returns
        -------
        float
            From 1, the mixture's own, to 64.

        References
        ----------
        Brier, "Verification of forecasts expressed in terms of probability" (1950), for
        a score that no single sample decides. Guo et al., "On calibration of modern
        neural networks" (2017), for one temperature for all, fitted there to labels.
        Jiang et al., "Assessing generalization of SGD via disagreement" (2022), for
        what two runs have in common as an estimate of accuracy without labels.
        """
        n_clusters = energies.shape[1]
        if n_neighbors == 0 or n_clusters == 1:
            return 1.0
        found = self._nearest(samples, energies, n_neighbors + 1, n_candidates, rows)
        # The first is the voter itself, or a copy of it, which is as good.
        others = [
            (energies[index].argmin(1).cpu(), near[:, 1:].cpu(), asked[:, 1:].cpu())
            for index, near, asked in found
        ]
        own, neighbors, is_asked = (
            torch.cat(parts) for parts in zip(*others, strict=True)
        )
        has_any = is_asked.any(1)
        own, neighbors, is_asked = own[has_any], neighbors[has_any], is_asked[has_any]
        needed, neighbors = neighbors.clamp(min=0).unique(return_inverse=True)
        opinions = shared_tensor(self.energies)[needed]
        weights = is_asked.to(opinions) / is_asked.sum(1, keepdim=True)

        def foretold(temperature: float) -> Iterator[tuple[Tensor, Tensor]]:
            probabilities = torch.softmax(-opinions / temperature, dim=1)
            for rows in torch.arange(len(own)).split(_BATCH_TO_FORETELL):
                votes = probabilities[neighbors[rows]]
                yield rows, torch.einsum("bn,bnk->bk", weights[rows], votes)

        def brier_score(temperature: float) -> float:
            total = 0.0
            for rows, votes in foretold(temperature):
                hits = torch.nn.functional.one_hot(own[rows], n_clusters)
                total += float((votes - hits).square().sum(dtype=torch.float64))
            return total

        def sureness(temperature: float) -> float:
            total = 0.0
            for _, votes in foretold(temperature):
                total += float(votes.amax(dim=1).sum(dtype=torch.float64))
            return total / len(own)

        best, hottest = min(_TEMPERATURES, key=brier_score), _TEMPERATURES[-1]
        if agreement is None or sureness(best) <= agreement:
            return best
        if sureness(hottest) >= agreement:
            return hottest
        # Sureness falls with the temperature, if not quite without an exception.
        return float(
            brentq(lambda T: sureness(T) - agreement, best, hottest, xtol=0.01)
        )

    def vote(
        self,
        samples: Samples,
        energies: Tensor,
        n_neighbors: int,
        n_candidates: int,
        temperature: float,
        trust: Tensor | None = None,
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
        temperature : float
            What energies are divided by: probabilities are ``softmax(-E / T)``.
        trust : Tensor of shape (n_samples,), default=None
            How much the energies of voters count for each sample, as its own do
            already: where less of it was seen, it is less sure who its neighbours are.

        Returns
        -------
        Tensor of shape (n_samples, n_clusters)
        """
        probabilities = torch.softmax(-energies / temperature, dim=1)
        if n_neighbors == 0:
            return probabilities
        opinions = -shared_tensor(self.energies).to(samples.device) / temperature
        if trust is None:
            opinions = torch.softmax(opinions, dim=1)
        found = self._nearest(samples, energies, n_neighbors, n_candidates)
        for index, neighbors, is_asked in found:
            votes = opinions[neighbors.clamp(min=0)]
            if trust is not None:
                weights = trust[index].to(votes)[:, None, None]
                votes = torch.softmax(votes * weights, dim=2)
            votes = votes * is_asked.unsqueeze(2)
            probabilities[index] += votes.sum(1).to(probabilities)
            n_asked = is_asked.sum(1, keepdim=True)
            probabilities[index] /= (1 + n_asked).to(probabilities)
        return probabilities

    def _nearest(
        self,
        samples: Samples,
        energies: Tensor,
        n_neighbors: int,
        n_candidates: int,
        rows: Tensor | None = None,
    ) -> Iterator[tuple[slice | Tensor, Tensor, Tensor]]:
        """Batches of samples, their nearest voters, and which of these are asked."""
        device = samples.device
        voters, origins = (
            shared_tensor(array).to(device) for array in (self.samples, self.origins)
        )
        offsets = self.offsets.tolist()
        sizes = torch.from_numpy(np.diff(self.offsets)).to(device)
        places = torch.arange(n_neighbors, device=device)
        n_samples = len(samples) if rows is None else len(rows)
        n_features = voters.shape[1]
        for batch in in_batches("nearest voters", n_samples, _BATCH_SIZE):
            index = batch if rows is None else rows[batch]
            likeliest = energies[index].to(device)
            n_searched = min(n_candidates, likeliest.shape[1])
            likeliest = likeliest.topk(n_searched, largest=False).indices
            queries = samples.batch(index).X[:, :n_features]
            neighbors = nearest_in_groups(
                queries, likeliest, voters, origins, offsets, n_neighbors
            )
            n_asked = sizes[likeliest[:, 0]].clamp(max=n_neighbors).unsqueeze(1)
            yield index, neighbors, places < n_asked
