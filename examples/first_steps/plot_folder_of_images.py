"""
A folder of images
==================

From a folder of image files to a montage of its clusters, and to a table of them. The
cells are made up, of three kinds, at any angle, in colour and in images of many sizes.
"""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.special import expit

# Half of the length, half of the breadth, and how far the halves are apart.
SHAPES = {
    "round": (0.6, 0.5, 0.0),
    "spindle": (0.8, 0.3, 0.0),
    "dividing": (0.4, 0.4, 0.3),
}


def draw_cell(kind, rng):
    """A stained cell in transmitted light."""
    radius = rng.uniform(18, 30)
    height, width = (2 * radius + rng.normal(scale=3, size=2)).astype(int)
    y, x = np.mgrid[:height, :width]
    place = (x - width / 2 + 1j * (y - height / 2)) / radius
    turned = place * np.exp(1j * rng.uniform(0, 2 * np.pi))
    length, breadth, apart = SHAPES[kind] * rng.normal(1, 0.15, size=3)
    along = np.abs(turned.real) - apart if apart else turned.real
    distance = np.hypot(along / length, turned.imag / breadth)
    body, nucleus = expit(12 * (1 - distance)), expit(20 * (0.4 - distance))
    stain = np.multiply.outer(body, [0.25, 0.45, 0.25])
    stain += np.multiply.outer(nucleus, [0.7, 0.8, 0.25])
    light = rng.uniform(0.75, 0.95) + rng.normal(scale=0.06) * place.real
    image = light[..., None] * np.exp(-rng.normal(1, 0.15) * stain)
    image += rng.normal(scale=0.04, size=image.shape)
    return (255 * image.clip(0, 1)).astype(np.uint8)


temporary = TemporaryDirectory()
folder = Path(temporary.name)
rng = np.random.default_rng(0)
kinds = rng.choice(list(SHAPES), size=200, p=[0.5, 0.3, 0.2])
for i, kind in enumerate(kinds):
    Image.fromarray(draw_cell(kind, rng)).save(folder / f"cell{i}.png")

# %%
# The images of the folder as one array, stretched to one size. Their order is that of
# the names, with cell2.png before cell10.png.

from skmixmate.datasets import load_images

cells = load_images(folder, size=(32, 32))
print(cells.images.shape, cells.images.dtype, Path(cells.paths[2]).name)

# %%
# What tells kinds apart here is form, so that the mean of the channels will do, in less
# time; where colour differs, pass ``cells.images`` as they are. The cells
# lie at any angle: ``rotation="any"``.

from skmixmate import ImageClustering

grey = cells.images.mean(axis=-1)
clusterer = ImageClustering(3, rotation="any", random_state=0).fit(grey)
proba = clusterer.predict_proba(grey)
labels, sure = proba.argmax(axis=1), proba.max(axis=1)

# %%
# Each row is a cluster, with its most typical members, and in frames those that are the
# most doubtful.

from skmixmate.plotting import ClusterDisplay

ClusterDisplay.from_predictions(cells.images, labels, proba=proba)
plt.show()

# %%
# A table for whatever comes next, the doubtful ones first:

table = folder / "clusters.csv"
with open(table, "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["path", "label", "probability"])
    for i in np.argsort(sure):
        rows.writerow([cells.paths[i], labels[i], f"{sure[i]:.3f}"])
for line in table.read_text().splitlines()[:6]:
    print(line.removeprefix(temporary.name))

# %%
# Nobody knows the kinds of the cells of a real folder. Of these we do, and can say how
# many are in the cluster of their kind:

from skmixmate.metrics import clustering_accuracy

print(f"{clustering_accuracy(kinds, labels):.3f}")
temporary.cleanup()

# %%
# The kinds of real cells may differ less. :doc:`/howto/folder_of_images` has 16-bit
# images, folders of many files, and what else a real folder brings.
