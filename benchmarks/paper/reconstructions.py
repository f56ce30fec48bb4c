"""Fig. 2 of the MixMate paper: ``python -m benchmarks.paper.reconstructions``.

Trains the paper's recipe on the 10,000 test images of MNIST and draws digits that two
clusters reconstruct almost equally well, so that the sparser code decides, as each
cluster explains them, as ``docs/_static/paper_reconstructions.png``: mean squared error
and number of nonzero code entries above, the code below. Labels are used to say how
many are right, for nothing else.
"""

import numpy as np

from skmixmate.datasets import fetch_mnist
from skmixmate.metrics import clustering_accuracy
from skmixmate.ready import make_paper_clusterer

from ..common import make_parser, parse, save_picture


def decided_by_sparsity(mixmate, X) -> np.ndarray:
    """Samples that another cluster reconstructs as well, with a denser code.

    Those with the largest difference in the number of nonzero entries come first.
    """
    codes = mixmate.encode(X, clusters="all")
    reconstructions = mixmate.reconstruct(X, clusters="all")
    errors = np.square(X[:, None] - reconstructions).mean(axis=2)
    n_nonzero = np.count_nonzero(codes, axis=2)
    rows = np.arange(len(X))
    labels = mixmate.predict(X)
    is_as_good = errors <= 1.02 * errors[rows, labels][:, None]
    surplus = np.where(is_as_good, n_nonzero - n_nonzero[rows, labels][:, None], 0)
    return np.argsort(-surplus.max(axis=1), kind="stable")


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parse(parser)
    # Other commands need no matplotlib.
    from skmixmate.plotting import ReconstructionDisplay

    X, y = fetch_mnist(subset="test", return_X_y=True)
    mixmate = make_paper_clusterer(10, (28, 28), random_state=0, verbose=1)
    mixmate.set_params(max_iter=arguments.epochs).fit(X)
    print(f"{clustering_accuracy(y, mixmate.labels_):.3f} of the labels are right")
    chosen = decided_by_sparsity(mixmate, X[:2000])[:3]
    display = ReconstructionDisplay.from_estimator(
        mixmate, X[chosen], image_shape=(28, 28)
    )
    save_picture("paper_reconstructions", display.figure_, dpi=80)


if __name__ == "__main__":
    main()
