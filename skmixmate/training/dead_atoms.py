"""Find atoms that no sample uses and give them something to explain."""

import torch
from torch import Tensor

from ..functional import Usage, add_usage, fused_add_usage
from ..utils.device import to_device
from .callbacks import Callback

__all__ = ["MOMENTS", "DeadAtomReseeding", "is_last_epoch"]

# Samples of a cluster that new atoms are chosen among.
_LARGEST_CHOICE = 2**20
# What Adam knows of each entry of a parameter.
MOMENTS = ("exp_avg", "exp_avg_sq")


class DeadAtomReseeding(Callback):
    """Replace atoms that went unused for an epoch by badly explained samples.

    An atom is dead when its mean responsibility-weighted code magnitude over an epoch
    is below ``threshold`` times the mean over its dictionary; all atoms of a cluster
    that no sample is assigned to are dead. A dead atom becomes one of the worse
    explained half of its cluster's samples, drawn at random so that outliers do not
    take over; the atoms of an empty cluster come from the worse half of the cluster
    with the largest total energy, which splits it.

    Each atom is re-seeded at most once in a run, so a dictionary larger than the data
    need settles down, and never after the last epoch: callbacks that may stop training
    go before this one. A single dictionary is one cluster.

    Parameters
    ----------
    threshold : float, default=1e-3
        Fraction of the mean usage below which an atom is dead.
    """

    def __init__(self, threshold: float = 1e-3):
        self.threshold = threshold

    def on_train_begin(self, trainer) -> None:
        """Forget an earlier run."""
        trainer.history["n_reseeded_atoms"] = []
        D = trainer.module.dictionaries
        self.already_reseeded = torch.zeros(
            D.shape[:2], dtype=torch.bool, device=D.device
        )
        self.usage = torch.zeros(D.shape[:2], dtype=D.dtype, device=D.device)
        n_samples = len(trainer.samples)
        self.energy = torch.zeros(n_samples, dtype=D.dtype, device=D.device)
        # A GPU's kernel takes int64 alone; in main memory samples may be many.
        dtype = torch.long if D.device.type == "cuda" else torch.int32
        self.label = torch.zeros(n_samples, dtype=dtype, device=D.device)

    def _begin_epoch(self) -> None:
        for values in self.recorded_tensors():
            values.zero_()

    def recorded_tensors(self) -> tuple[Tensor, ...]:
        """Return usage of atoms, and energy and cluster of each sample."""
        return self.usage, self.energy, self.label

    @torch.no_grad()
    def on_batch_end(self, trainer, indices: Tensor, output) -> None:
        """Add up usage; nothing leaves the device."""
        energies = output.energies.detach()
        total = Usage(self.usage, self.energy, self.label)
        indices = to_device(indices, energies.device)
        add = fused_add_usage if energies.device.type == "cuda" else add_usage
        add(total, energies, self._codes(output), indices)

    @torch.no_grad()
    def on_epoch_end(self, trainer) -> None:
        """Re-seed what is dead unless training ends here."""
        dead = self.usage <= self.threshold * self._mean_usage(trainer)
        dead |= (self._counts() == 0)[:, None]
        dead &= ~(self.already_reseeded | self._idle(trainer))
        n_reseeded = 0
        if not is_last_epoch(trainer) and dead.any():
            n_reseeded = sum(
                self._reseed(trainer, cluster, dead[cluster].nonzero().flatten())
                for cluster in dead.any(-1).nonzero().flatten().tolist()
            )
            self.already_reseeded |= dead
        trainer.history["n_reseeded_atoms"].append(n_reseeded)
        self._begin_epoch()

    def state(self, trainer) -> dict:
        """See `Callback.state`; what is counted begins anew in each epoch."""
        return {"already_reseeded": self.already_reseeded.cpu().numpy()}

    def load_state(self, trainer, state: dict) -> None:
        """See `Callback.load_state`."""
        device = self.already_reseeded.device
        self.already_reseeded = torch.tensor(state["already_reseeded"], device=device)

    def _idle(self, trainer) -> Tensor:
        """Places without an atom, (K, P), bool."""
        return torch.zeros_like(self.already_reseeded)

    def _mean_usage(self, trainer) -> Tensor:
        """Mean usage of the atoms of each cluster, (K, 1)."""
        n_atoms = (~self._idle(trainer)).sum(-1, keepdim=True)
        return self.usage.sum(-1, keepdim=True) / n_atoms.clamp(min=1)

    def _counts(self) -> Tensor:
        """Number of samples of each cluster in the epoch, (K,)."""
        return torch.bincount(self.label, minlength=len(self.usage))

    def _reseed(self, trainer, cluster: int, atoms: Tensor) -> int:
        """Replace atoms of a cluster and return how many there was a sample for."""
        candidates = self._badly_explained(cluster)
        draw = torch.randint(
            len(candidates), (len(atoms),), generator=trainer.generator, device="cpu"
        )
        chosen = candidates[draw.to(candidates.device)]
        batch = trainer.samples.batch(chosen)
        seeds = batch.X
        if batch.observed is not None:
            output = trainer.module(*batch)
            rows = torch.arange(len(chosen), device=chosen.device)
            label = self.label[chosen].long()
            codes = self._codes(output)[label, rows]
            D = trainer.module.dictionaries[label]
            explained = (codes.unsqueeze(1) @ D).squeeze(1)
            seeds = torch.where(batch.observed > 0, seeds, explained)
        D = trainer.module.dictionaries
        # A zero sample has no direction: its atom stays as it was, or begins as noise.
        is_zero = torch.linalg.vector_norm(seeds, dim=-1) == 0
        is_new = is_zero & (D[cluster, atoms] == 0.0).all(-1)
        if is_new.any():
            noise = torch.randn(seeds.shape, generator=trainer.generator, device="cpu")
            seeds = torch.where(is_new[:, None], noise.to(seeds), seeds)
        usable = ~is_zero | is_new
        D[cluster, atoms[usable]] = seeds[usable]
        trainer.module.normalize_()
        state = trainer.optimizer.state.get(D, {})
        for moment in MOMENTS:
            if moment in state:
                state[moment][cluster, atoms[usable]] = 0.0
        return int(usable.sum())

    def _codes(self, output) -> Tensor:
        """Codes (K, B, P); those of a single dictionary may come as (B, P)."""
        codes = output.codes.detach()
        return codes if codes.ndim == 3 else codes.unsqueeze(0)

    def _badly_explained(self, cluster: int) -> Tensor:
        """Indices of the worse explained half of a cluster's samples."""
        members = (self.label == cluster).nonzero().flatten()
        if len(members) == 0:
            members = (self.label == self._largest_total()).nonzero().flatten()
        # More than enough to draw from.
        members = members[:: max(1, -(-len(members) // _LARGEST_CHOICE))]
        worst = self.energy[members].argsort(descending=True, stable=True)
        return members[worst[: (len(members) + 1) // 2]]

    def _largest_total(self) -> Tensor:
        """Cluster with the largest total energy."""
        totals = self.energy.new_zeros(len(self.usage))
        for energy, label in zip(
            self.energy.split(_LARGEST_CHOICE),
            self.label.split(_LARGEST_CHOICE),
            strict=True,
        ):
            # A product, since adding up by index rounds differently each time on a GPU.
            one_hot = torch.nn.functional.one_hot(label.long(), len(totals))
            totals += energy @ one_hot.to(energy.dtype)
        return totals.argmax()


def is_last_epoch(trainer) -> bool:
    """Whether training ends with the epoch that ends now."""
    return trainer.stopped or trainer.epoch >= trainer.max_iter
