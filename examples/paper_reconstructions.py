"""Fig. 2 of the MixMate paper: why a digit is in its cluster.

Trains the paper's recipe on 10,000 MNIST images and draws digits that two clusters
reconstruct almost equally well, so that the sparser code decides, as each cluster
explains them: mean squared error and number of nonzero code entries above, the code
below. Labels are used to say how many are right, for nothing else.

    SKMIXMATE_DATA=FOLDER python examples/paper_reconstructions.py --output FOLDER
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from skmixmate.datasets import fetch_mnist
from skmixmate.metrics import clustering_accuracy
from skmixmate.ready import make_paper_clusterer

matplotlib.use("Agg")

from skmixmate.plotting import ReconstructionDisplay


def main(output: Path, epochs: int) -> None:
    X, y = fetch_mnist(subset="test", return_X_y=True)
    mixmate = make_paper_clusterer(10, (28, 28), random_state=0, verbose=1)
    mixmate.set_params(max_iter=epochs).fit(X)
    print(f"{clustering_accuracy(y, mixmate.labels_):.3f} of the labels are right")

    chosen = decided_by_sparsity(mixmate, X[:2000])[:3]
    display = ReconstructionDisplay.from_estimator(
        mixmate, X[chosen], image_shape=(28, 28)
    )
    output.mkdir(parents=True, exist_ok=True)
    display.figure_.savefig(output / "paper_reconstructions.png", dpi=80)
    print(f"wrote {output / 'paper_reconstructions.png'}")


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="folder for the picture"
    )
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    main(arguments.output, arguments.epochs)
