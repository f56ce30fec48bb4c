"""
Why a digit is in its cluster
=============================

Fig. 2 of the MixMate paper, on digits: a sample as each cluster reconstructs it, with
the error and the number of atoms that it takes. The same model then explains digits of
which a part was not observed.

The recipe is the paper's (`skmixmate.ready.make_paper_clusterer`): a start by sparse
subspace clustering of scattering features, then training in pixels. It needs images of
16 pixels a side, so the digits are enlarged.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from skmixmate.metrics import clustering_accuracy
from skmixmate.plotting import ReconstructionDisplay
from skmixmate.ready import make_paper_clusterer

digits, y = load_digits(return_X_y=True)
images = zoom(digits.reshape(-1, 8, 8) / 16.0, (1, 2, 2), order=1)
X = images.reshape(len(images), -1)

# Atoms and alpha are what the paper has for images of this size.
mixmate = make_paper_clusterer(
    10, image_shape=(16, 16), n_atoms=30, alpha=0.25, random_state=0
)
# A quarter of the epochs, at a rate that falls to zero, in batches for few samples.
mixmate.set_params(
    max_iter=12, learning_rate=4e-3, learning_rate_schedule="linear", batch_size=128
)
mixmate.fit(X)
print(f"{clustering_accuracy(y, mixmate.labels_):.3f} of the labels are right")

# %%
# Error and sparsity
# ------------------
#
# The energy that decides is the squared error plus ``alpha`` times the sum of the
# magnitudes of the code. On digits of so few pixels the error decides. Of MNIST, with a
# larger ``alpha``, there are digits that two clusters reconstruct alike, one of them
# with fewer atoms: :doc:`/papers/mixmate` shows some.

energies = mixmate.transform(X)
reconstructions = mixmate.reconstruct(X, clusters="all")
errors = np.square(X[:, None] - reconstructions).mean(axis=2)
labels = energies.argmin(axis=1)
is_best = errors.argmin(axis=1) == labels
print(f"{is_best.mean():.1%} of the digits are in the cluster with the least error")

# %%
# The three closest calls: digits whose two lowest energies differ least. Above each
# reconstruction are its mean squared error and the number of nonzero entries of its
# code, which is drawn below. The cluster that is chosen has a red frame.

lowest, second = np.sort(energies, axis=1)[:, :2].T
closest = np.argsort(second - lowest)[:3]
ReconstructionDisplay.from_estimator(mixmate, X[closest], image_shape=(16, 16))
plt.show()

# %%
# Missing pixels
# --------------
#
# A block of each image, and single pixels, are hidden: NaN, light red in the picture.
# No entry was missing in ``fit``, so they are left out of all sums, as in the paper.
# Each cluster completes the digit in its own way, and the energy is that of what was
# seen.

random_state = np.random.RandomState(0)
shown = np.array([np.flatnonzero(y == digit)[3] for digit in (0, 3, 7)])
damaged = X[shown].reshape(-1, 16, 16).copy()
damaged[random_state.uniform(size=damaged.shape) < 0.2] = np.nan
damaged[:, 8:, 4:10] = np.nan
damaged = damaged.reshape(len(shown), -1)

ReconstructionDisplay.from_estimator(mixmate, damaged, image_shape=(16, 16))
plt.show()

# %%
# 500 digits, damaged in the same way, with other single pixels for each:

some = X[:500]
hidden = random_state.uniform(size=(len(some), 16, 16)) < 0.2
hidden[:, 8:, 4:10] = True
hidden = hidden.reshape(some.shape)
same = mixmate.predict(some, mask=~hidden) == labels[:500]
print(f"{hidden.mean():.0%} of the pixels are hidden")
print(f"{same.mean():.1%} of the labels stay as they were")
guesses = {
    "the mean image": np.broadcast_to(X.mean(axis=0), some.shape),
    "the mixture": mixmate.impute(some, mask=~hidden),
}
for name, guess in guesses.items():
    error = np.sqrt(np.square(guess - some)[hidden].mean())
    print(f"root mean squared error of hidden pixels, {name}: {error:.3f}")
