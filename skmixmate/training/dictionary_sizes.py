"""Dictionaries that grow and shrink with their clusters."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .dead_atoms import MOMENTS, DeadAtomReseeding, is_last_epoch

__all__ = ["DictionarySizes"]

# A dictionary whose size is right but for this share of it stays as it is: sizes of
# clusters move a little in every epoch.
_SLACK = 0.1


class DictionarySizes(DeadAtomReseeding):
    """Give atoms of clusters that shrink to those that grow; re-seed dead ones.

    All dictionaries have as many places, and an atom of zeros is none: its code, its
    gradient and its energy are zero. After an epoch a dictionary that is too large
    loses its least used atoms. One that is too small gets samples of its cluster, as
    dead atoms do. If the largest needs more places than there are, or far fewer, all
    dictionaries get as many as that needs.

    Parameters
    ----------
    sizes : callable, default=None
        From the number of samples of each cluster, (n_clusters,), to the number of its
        atoms; see `skmixmate.functional.dictionary_sizes`. None keeps sizes as they
        are.
    multiple : int, default=1
        Number of atoms that follow each other and stay together.
    threshold : float, default=1e-3
        See `DeadAtomReseeding`.
    """

    def __init__(
        self,
        sizes: Callable[[Tensor], Tensor] | None = None,
        *,
        multiple: int = 1,
        threshold: float = 1e-3,
    ):
        super().__init__(threshold)
        self.sizes = sizes
        self.multiple = multiple

    @torch.no_grad()
    def on_epoch_end(self, trainer) -> None:
        """Revise the sizes and re-seed what is dead unless training ends here."""
        if self.sizes is not None and not is_last_epoch(trainer):
            self._revise(trainer, self.sizes(self._counts()))
        super().on_epoch_end(trainer)

    def _idle(self, trainer) -> Tensor:
        return (trainer.module.dictionaries == 0.0).all(-1)

    def _revise(self, trainer, wanted: Tensor) -> None:
        """Bring the dictionaries to the wanted sizes, (K,), where they are far off."""
        has_no_atom = self._idle(trainer)
        sizes = (~has_no_atom).sum(-1)
        wanted = wanted.to(sizes)
        changes = (wanted - sizes).abs() > _SLACK * sizes
        if not changes.any():
            return
        wanted = wanted.where(changes, sizes)
        n_places, n_wanted = has_no_atom.shape[1], int(wanted.max())
        if 0.75 * n_places <= n_wanted <= n_places:
            n_wanted = n_places  # The shape of all arrays stays.
        mean_usage = self._mean_usage(trainer)
        order = self._by_usage(has_no_atom)
        place = torch.arange(n_places, device=order.device)
        order = torch.where(changes[:, None], order, place)
        n_kept = torch.minimum(sizes, wanted)[:, None]

        def moved(values: Tensor) -> Tensor:
            """Values (K, P) or (K, P, M) of atoms, where atoms are then."""
            index = order if values.ndim == 2 else order[..., None].expand_as(values)
            kept = values.gather(1, index)[:, :n_wanted]
            result = values.new_zeros((len(values), n_wanted, *values.shape[2:]))
            result[:, : kept.shape[1]] = kept
            is_kept = torch.arange(n_wanted, device=values.device) < n_kept
            return result * is_kept.view(*is_kept.shape, *(1,) * (values.ndim - 2))

        usage = moved(self.usage)
        is_alike = usage.shape == self.usage.shape
        self.usage = self.usage.copy_(usage) if is_alike else usage
        self.already_reseeded = moved(self.already_reseeded)
        _replace_dictionaries(trainer, moved)
        grown = (wanted > sizes).nonzero().flatten().tolist()
        for cluster in grown:
            new = torch.arange(int(sizes[cluster]), int(wanted[cluster]))
            new = new.to(order.device)
            self._reseed(trainer, cluster, new)
            # Not dead, only new, and not to be replaced again.
            self.usage[cluster, new] = mean_usage[cluster]
            self.already_reseeded[cluster, new] = True

    def _by_usage(self, has_no_atom: Tensor) -> Tensor:
        """Places of atoms that stay together, the most used first, idle ones last."""
        usage = self.usage.masked_fill(has_no_atom, -1.0)
        usage = usage.unflatten(1, (-1, self.multiple)).sum(-1)
        first = usage.argsort(dim=1, descending=True, stable=True) * self.multiple
        together = torch.arange(self.multiple, device=first.device)
        return (first[..., None] + together).flatten(1)


def _replace_dictionaries(trainer, moved: Callable[[Tensor], Tensor]) -> None:
    """Move the atoms of a trainer's module, and what its optimiser knows of them."""
    old = trainer.module.dictionaries
    D = moved(old.detach())
    state = trainer.optimizer.state.get(old, {})
    moments = {name: moved(state[name]) for name in MOMENTS if name in state}
    if D.shape == old.shape:
        old.copy_(D)
        for name, values in moments.items():
            state[name].copy_(values)
        return
    new = nn.Parameter(D)
    trainer.module.dictionaries = new
    for group in trainer.optimizer.param_groups:
        group["params"] = [new if p is old else p for p in group["params"]]
    if trainer.optimizer.state.pop(old, None) is not None:
        trainer.optimizer.state[new] = state | moments
    trainer.renew_loss_gradient()
