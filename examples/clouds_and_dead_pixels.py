"""From NaN to labels and filled-in pictures: a camera with dead pixels, and clouds.

A camera took the 1,797 digits that come with scikit-learn. One pixel in eight is dead,
other ones in each tenth of the recording, and a cloud, a block of three by three
pixels, hides a part of every second picture. What is missing is NaN, and no picture is
complete. `MixMateClustering` takes them as they are; `LocalGaussianImputer` fills them
in and tells how far off it may be. Labels and hidden pixels are used for scoring alone.

    python examples/clouds_and_dead_pixels.py --output FOLDER  # default: output
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer

from skmixmate import LocalGaussianImputer, MixMateClustering
from skmixmate.metrics import clustering_accuracy

matplotlib.use("Agg")

import matplotlib.pyplot as plt

N_SHOWN = 8


def missing_pixels(n_samples: int, random_state: np.random.RandomState) -> np.ndarray:
    """Where pixels are dead or behind a cloud, (n_samples, 8, 8)."""
    missing = np.zeros((n_samples, 8, 8), dtype=bool)
    for pictures in np.array_split(missing, 10):
        pictures[:] = random_state.uniform(size=(8, 8)) < 1 / 8
    for picture in missing[::2]:
        i, j = random_state.randint(6, size=2)
        picture[i : i + 3, j : j + 3] = True
    return missing


def main(output: Path) -> None:
    X, y = load_digits(return_X_y=True)
    missing = missing_pixels(len(X), np.random.RandomState(0)).reshape(X.shape)
    observed = np.where(missing, np.nan, X)
    print(f"{missing.mean():.0%} of the pixels are missing, of every picture some")

    for name, pictures in (("all pixels", X), ("what is left of them", observed)):
        mixmate = MixMateClustering(10, random_state=0).fit(pictures)
        accuracy = clustering_accuracy(y, mixmate.labels_)
        print(f"clustering {name}: {accuracy:.3f} of the labels are right")

    imputer = LocalGaussianImputer(random_state=0).fit(observed)
    filled, std = imputer.impute(observed, return_std=True)
    others = {"mean": SimpleImputer(), "nearest neighbours": KNNImputer()}
    results = {name: other.fit_transform(observed) for name, other in others.items()}
    results["LocalGaussianImputer"] = filled
    print("\nroot mean squared error of missing pixels, which are from 0 to 16")
    for name, result in results.items():
        error = np.sqrt(np.square((result - X)[missing]).mean())
        print(f"{name:22} {error:.2f}")
    covered = (np.abs(filled - X) <= 1.645 * std)[missing].mean()
    print(f"{covered:.0%} of them are in intervals that are to hold 90 %")

    output.mkdir(parents=True, exist_ok=True)
    draw(X, observed, filled, std).savefig(output / "clouds.png", dpi=100)
    print(f"wrote {output / 'clouds.png'}")


def draw(X, observed, filled, std):
    """Pictures, what was observed, what was filled in and how unsure that is."""
    rows = {
        "truth": (X, "gray_r", 16),
        "observed": (observed, "gray_r", 16),
        "filled in": (filled, "gray_r", 16),
        "unsure": (std, "Reds", 8),
    }
    figure, axes = plt.subplots(len(rows), N_SHOWN, figsize=(N_SHOWN, len(rows)))
    for axes_of_row, (name, (pictures, colors, largest)) in zip(
        axes, rows.items(), strict=True
    ):
        for ax, picture in zip(axes_of_row, pictures, strict=False):
            ax.set_facecolor("#e8b04b")  # What is NaN.
            ax.imshow(picture.reshape(8, 8), cmap=colors, vmin=0, vmax=largest)
            ax.set(xticks=[], yticks=[])
        axes_of_row[0].set_ylabel(name, fontsize=9)
    figure.tight_layout(pad=0.4)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="folder for the pictures"
    )
    main(parser.parse_args().output)
