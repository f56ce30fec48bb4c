"""
Save a clusterer, and use it elsewhere
======================================

A fitted clusterer in a file, and a fresh process that puts new images into its
clusters.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits

import skmixmate

images = load_digits(n_class=4).images
known, new = images[::2], images[1::2]
clusterer = skmixmate.ImageClustering(4, random_state=0)
clusterer.fit(known)

temporary = TemporaryDirectory()
folder = Path(temporary.name)
skmixmate.save(clusterer, folder / "clusterer.skmixmate")

# %%
# The other process knows nothing but the file and new images. It could as well run on
# another machine, with or without a GPU, whatever the clusterer was fitted on.

np.save(folder / "new_images.npy", new)
program = """
import numpy as np
import skmixmate

clusterer = skmixmate.load("clusterer.skmixmate")
proba = clusterer.predict_proba(np.load("new_images.npy"))
np.save("proba.npy", proba)
labels = proba.argmax(axis=1)
print(f"{len(labels)} images, clusters of the first: {labels[:10]}")
"""
served = subprocess.run(
    [sys.executable, "-c", program],
    cwd=folder,
    check=True,
    capture_output=True,
    text=True,
)
print(served.stdout)

# %%
# Its answers are those of this process:

proba = np.load(folder / "proba.npy")
print(np.array_equal(proba, clusterer.predict_proba(new)))

# %%
# New images as the other process has put them into clusters, the most typical and the
# most doubtful ones:

import matplotlib.pyplot as plt

from skmixmate.plotting import ClusterDisplay

labels = proba.argmax(axis=1)
ClusterDisplay.from_predictions(new, labels, proba=proba)
plt.show()

# %%
# Other formats
# -------------
#
# `skmixmate.save` writes arrays and JSON. joblib writes pickles, which hold whatever
# Python can and run whatever they hold; skops builds nothing but what it knows or is
# told to trust.

import joblib
import skops.io

joblib.dump(clusterer, folder / "clusterer.joblib")
skops.io.dump(clusterer, folder / "clusterer.skops")
for file in sorted(folder.glob("clusterer.*")):
    print(f"{file.name:20} {file.stat().st_size / 1e6:5.2f} MB")

# %%
# What skops asks to be trusted. All of it should be of this package:

names = skops.io.get_untrusted_types(file=folder / "clusterer.skops")
print(*names, sep="\n")

# %%
# Both give the same answers again, and load with these lines:

for loaded in (
    joblib.load(folder / "clusterer.joblib"),
    skops.io.load(folder / "clusterer.skops", trusted=names),
):
    print(np.array_equal(loaded.predict(new), labels))
temporary.cleanup()

# %%
# What to keep in mind
# --------------------
#
# - Keep the versions of this package and of scikit-learn with the file. Other versions
#   may read it, but nobody promises that they do, nor that they give the same numbers.
# - Load pickles, joblib's too, only from people that you trust. A file of
#   `skmixmate.save` runs nothing, from whomever it is.
# - The features of training images are in the file, since they vote on new ones. It
#   grows with their number, up to 100,000, and should not go where the images must not.
# - On other processors, numbers may differ in the last digits.
