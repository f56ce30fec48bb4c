"""Pictures of the group-sparse paper: Figs. 3, 4 and 5."""

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import normalize

from skmixmate import GroupSparseAutoencoder, SparseAutoencoder

from ..common import load, make_axes, random_rows, save_picture

SETTINGS = {
    "penalized": "penalised loss",
    "paper": "as stated",
    "reconstruction": "reconstruction, unit start",
}
COLOURS = {"group_sparse": "C0", "sparse": "C1"}
DASHES = {"1": ":", "5": "--", "10": "-"}


def draw_distances(result: dict) -> None:
    """Distance to the generating dictionary, and loss, against epochs (Fig. 3)."""
    runs = result["runs"]
    figure, axes = make_axes(
        2, len(runs), (4.2 * len(runs), 5.4), sharex=True, squeeze=False
    )
    for column, (setting, by_snr) in zip(axes.T, runs.items(), strict=True):
        for snr, by_network in sorted(by_snr.items(), key=lambda i: float(i[0])):
            for name, colour in COLOURS.items():
                if name not in by_network:
                    continue
                style = {"color": colour, "linestyle": DASHES[snr]}
                label = f"{name.replace('_', '-')}, {snr} dB"
                distances = by_network[name]["distances"]
                column[0].semilogy(distances, **style)
                losses = by_network[name]["losses"]
                column[1].semilogy(losses, label=label, **style)
        column[0].set(title=SETTINGS[setting], ylabel="squared distance of atoms")
        column[1].set(xlabel="epoch", ylabel="training loss")
    axes[1, 0].legend(fontsize="small", loc="upper right")
    figure.tight_layout()
    save_picture("group_sparse_distances", figure)


def draw_codes(result: dict, snr: str = "1") -> None:
    """Norms of the groups of a sample's code, true and found (Fig. 3d)."""
    by_network = result["runs"].get("penalized", {}).get(snr, {})
    if "sparse" not in by_network:
        return
    figure, axes = make_axes(3, 1, (8.4, 4.4), sharex=True)
    codes = {
        "true": by_network["true_codes"][0],
        "group-sparse": by_network["group_sparse"]["codes"][0],
        "sparse": by_network["sparse"]["codes"][0],
    }
    for ax, (name, pairs) in zip(axes, codes.items(), strict=True):
        index, values = np.array(pairs).T if pairs else (np.zeros(0), np.zeros(0))
        ax.vlines(index, 0.0, values, color="C0" if name == "true" else "C1")
        ax.axhline(0.0, color="0.7", linewidth=0.5)
        ax.set_ylabel(name)
    axes[0].set_title(f"code of one sample at {snr} dB")
    axes[-1].set_xlabel("atom")
    figure.tight_layout()
    save_picture("group_sparse_codes", figure)


def draw_mnist(n_images: int = 20_000, epochs: int = 15) -> None:
    """Dictionaries and supports (Fig. 4), pairwise distances of codes (Fig. 5)."""
    X, y = load("mnist")
    chosen = random_rows(60_000, n_images)
    training = normalize(X[chosen].astype(np.float32))
    # A hundred test images of each digit, in order.
    test = np.concatenate([np.flatnonzero(y[60_000:] == k)[:100] for k in range(10)])
    X_test = normalize(X[60_000 + test].astype(np.float32))
    shared = {"max_iter": epochs, "random_state": 0}
    networks = {
        "sparse": SparseAutoencoder(**shared).fit(training),
        "group-sparse": GroupSparseAutoencoder(**shared).fit(training),
    }
    _draw_dictionaries(networks)
    codes = {name: model.transform(X_test) for name, model in networks.items()}
    _draw_supports(codes)
    _draw_pairwise({"pixels": X_test, **codes})


def _draw_dictionaries(networks: dict) -> None:
    figure, axes = make_axes(1, 2, (8.4, 2.9))
    for ax, (name, model) in zip(axes, networks.items(), strict=True):
        # A row a group; of the sparse network, rows mean nothing.
        atoms = model.dictionary_.reshape(10, 16, 28, 28)
        atoms = atoms * np.sign(atoms.sum(axis=(2, 3), keepdims=True))
        canvas = atoms.transpose(0, 2, 1, 3).reshape(280, 448)
        limit = np.abs(canvas).max() * 0.7
        ax.imshow(canvas, cmap="RdBu", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[], title=name)
    figure.tight_layout(pad=0.4)
    save_picture("group_sparse_dictionaries", figure)


def _draw_supports(codes: dict) -> None:
    figure, axes = make_axes(1, 2, (8.4, 3.0))
    for ax, (name, Z) in zip(axes, codes.items(), strict=True):
        ax.imshow(np.abs(Z[::10]), aspect="auto", cmap="gray_r", vmax=0.4)
        ax.set(title=name, xlabel="atom", ylabel="ten images of each digit")
        ax.set(xticks=range(0, 161, 16), yticks=[])
    figure.tight_layout()
    save_picture("group_sparse_supports", figure)


def _draw_pairwise(spaces: dict) -> None:
    figure, axes = make_axes(1, len(spaces), (8.4, 3.0))
    for ax, (name, Z) in zip(axes, spaces.items(), strict=True):
        ax.imshow(pairwise_distances(Z), cmap="viridis")
        ax.set(title=name, xticks=[], yticks=[])
    figure.tight_layout()
    save_picture("group_sparse_pairwise", figure)
