"""
Atoms in groups
===============

A group-sparse autoencoder learns one dictionary whose atoms are used in groups: a
sample takes few groups, and of these as many atoms as it likes. On digits, groups
become kinds. A sparse autoencoder, with the same number of atoms and no groups, is
beside it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.preprocessing import normalize

from skmixmate import GroupSparseAutoencoder, SparseAutoencoder
from skmixmate.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
Z = normalize(X)

N_GROUPS, GROUP_SIZE = 10, 8
training = {
    "loss": "reconstruction",
    "max_iter": 10,
    "learning_rate": 6e-3,
    "learning_rate_schedule": "linear",
    "batch_size": "auto",
    "random_state": 0,
}
# A group of atoms has a larger norm than one of them, by the root of their number.
autoencoders = {
    "in groups": GroupSparseAutoencoder(N_GROUPS, GROUP_SIZE, alpha=0.35, **training),
    "one by one": SparseAutoencoder(
        N_GROUPS * GROUP_SIZE, alpha=0.35 / np.sqrt(GROUP_SIZE), **training
    ),
}
codes = {name: one.fit_transform(Z) for name, one in autoencoders.items()}

# %%
# How many atoms a digit takes, from how many groups, how much of it is left over, and
# how well k-means clusters the codes. Names of the digits are used for that last number
# alone.

print(f"{'atoms':12}{'used':>6}{'groups':>8}{'left over':>11}{'ACC of k-means':>16}")
for name, code in codes.items():
    error = np.square(Z - autoencoders[name].inverse_transform(code)).sum(axis=1).mean()
    used = (code != 0).reshape(len(Z), N_GROUPS, GROUP_SIZE)
    labels = KMeans(10, n_init=3, random_state=0).fit_predict(np.abs(code))
    n_used, n_groups = used.sum(axis=(1, 2)).mean(), used.any(axis=2).sum(axis=1).mean()
    accuracy = clustering_accuracy(y, labels)
    print(f"{name:12}{n_used:6.1f}{n_groups:8.1f}{error:11.0%}{accuracy:16.3f}")

strongest = autoencoders["in groups"].labels_
print(f"\nthe strongest group as a cluster: {clustering_accuracy(y, strongest):.3f}")

# %%
# The atoms
# ---------
#
# A row is a group. Of the sparse autoencoder, rows mean nothing. Blue is negative.

figure = plt.figure(figsize=(9, 5.4), layout="constrained")
for part, (name, one) in zip(
    figure.subfigures(1, 2), autoencoders.items(), strict=True
):
    part.suptitle(name)
    axes = part.subplots(N_GROUPS, GROUP_SIZE)
    largest = np.abs(one.dictionary_).max()
    for ax, atom in zip(axes.flat, one.dictionary_, strict=True):
        ax.imshow(atom.reshape(8, 8), cmap="RdBu_r", vmin=-largest, vmax=largest)
        ax.set(xticks=[], yticks=[])
plt.show()

# %%
# The codes
# ---------
#
# Magnitudes of the codes of twelve images of each digit, a column an image. In groups,
# images of one digit use the same block of atoms.

order = np.concatenate([np.flatnonzero(y == digit)[:12] for digit in range(10)])
figure, axes = plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
for ax, (name, code) in zip(axes, codes.items(), strict=True):
    ax.imshow(np.abs(code[order]).T, cmap="gray_r", vmax=0.4, aspect="auto")
    ax.set(yticks=np.arange(0, 80, GROUP_SIZE) - 0.5, yticklabels=[], ylabel=name)
    ax.set_xticks(np.arange(10) * 12 + 5.5, [f"digit {digit}" for digit in range(10)])
    ax.tick_params(length=0)
    ax.grid(axis="y", color="0.85")
plt.show()

# %%
# Parts of a digit
# ----------------
#
# Digits that two groups share about evenly, and what the strongest three groups add to
# each.

grouped = codes["in groups"].reshape(len(Z), N_GROUPS, GROUP_SIZE)
norms = np.linalg.norm(grouped, axis=2)
second, first = np.sort(norms, axis=1)[:, -2:].T
shared = np.argsort(-second / first)[:8]

learned = autoencoders["in groups"]
dictionary = learned.dictionary_.reshape(N_GROUPS, GROUP_SIZE, -1)
parts = learned.scale_ * np.einsum("ngp,gpm->ngm", grouped[shared], dictionary)
figure, axes = plt.subplots(5, len(shared), figsize=(9, 6), layout="constrained")
for column, sample, of_sample in zip(axes.T, shared, parts, strict=True):
    strongest = np.argsort(-norms[sample])[:3]
    pictures = [Z[sample], of_sample.sum(axis=0), *of_sample[strongest]]
    titles = ["", "", *(f"group {group}" for group in strongest)]
    for ax, picture, title in zip(column, pictures, titles, strict=True):
        ax.imshow(picture.reshape(8, 8), cmap="RdBu_r", vmin=-0.3, vmax=0.3)
        ax.set_title(title, fontsize="small")
        ax.set(xticks=[], yticks=[])
names = ["digit", "all groups", "strongest", "second", "third"]
for ax, name in zip(axes[:, 0], names, strict=True):
    ax.set_ylabel(name)
plt.show()
