import pytest
import torch

from skmixmate.datasets import make_dictionary_mixture
from skmixmate.modules import DictionaryMixture
from skmixmate.training import Samples, Trainer


@pytest.fixture
def make_module():
    """Return a function that makes networks with random or given dictionaries."""

    def make(shape=(3, 5, 20), dictionaries=None, **params):
        if dictionaries is None:
            dictionaries = torch.randn(
                shape, generator=torch.Generator().manual_seed(0)
            )
        return DictionaryMixture(dictionaries, alpha=params.pop("alpha", 0.1), **params)

    return make


@pytest.fixture
def make_trainer(make_module):
    """Return a function that makes trainers on data from the model."""

    def make(module=None, X=None, mask=None, *, optimizer=None, seed=0, **params):
        if X is None:
            X = make_dictionary_mixture(
                200, n_clusters=3, n_atoms=5, n_features=20, random_state=0
            ).data
        X = torch.as_tensor(X)
        module = make_module() if module is None else module
        if optimizer is None:
            trained = [p for p in module.parameters() if p.requires_grad]
            optimizer = torch.optim.Adam(
                trained, lr=params.pop("learning_rate", 1e-2), fused=True
            )
        return Trainer(
            module,
            optimizer,
            Samples(X, mask, device=X.device),
            **{"max_iter": 4, "batch_size": 64, **params},
            generator=torch.Generator().manual_seed(seed),
        )

    return make


class ScriptedModule(torch.nn.Module):
    """A network whose losses are given in advance, one a batch."""

    def __init__(self, losses):
        super().__init__()
        self.parameter = torch.nn.Parameter(torch.ones(3))
        self.losses = iter(losses)
        self.n_normalized = 0

    def forward(self, X, observed=None):
        return X

    def loss(self, output):
        # The gradient is the script's value: a NaN there makes it NaN.
        value = next(self.losses)
        return value + (value * self.parameter).sum() - (value * self.parameter).sum()

    def normalize_(self):
        self.n_normalized += 1


@pytest.fixture
def scripted_module():
    return ScriptedModule
