"""
Watching a fit
==============

scikit-learn's callbacks (experimental, from version 1.9) hear of every run and every
epoch of an estimator that is trained, and get a fitted copy of it at the end of each
epoch. Here one keeps two scores of every epoch of two runs on digits: the accuracy, for
which we happen to know classes, and the score that needs none.
"""

import matplotlib.pyplot as plt
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)


def scores(estimator, X, y):
    """What is kept of an epoch: any numbers, by name."""
    return {
        "accuracy": clustering_accuracy(y, estimator.predict(X)),
        "score": estimator.score(X),
    }


monitor = ScoringMonitor(scoring=scores)
mixture = MixMateClustering(
    10, init="k-means", n_init=2, max_iter=8, random_state=0
).set_callbacks(monitor)
# Classes are for the callback alone: the mixture does not look at them.
mixture.fit(X, y)

# %%
# A row of the log is an epoch, with the way that leads to it: the fit, the run, the
# epoch. ``monitor.get_logs().data_as_pandas`` is a data frame.

rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
for row in rows[:2]:
    print(row["task_id_path"], f"accuracy {row['accuracy']:.3f}")

# %%
# Training helps a little, in both runs. The run with the lowest ``criterion_`` is kept,
# which knows no classes; of two that are so close, it is not always the better one.

kept = min(range(2), key=lambda run: mixture.runs_[run].criterion)
print(f"run {kept + 1} is kept")

figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharex=True, layout="constrained")
for run in range(2):
    epochs = [row for row in rows if row["task_id_path"][1] == run]
    for ax, name in zip(axes, ("accuracy", "score"), strict=True):
        ax.plot(range(1, len(epochs) + 1), [row[name] for row in epochs], marker=".")
        ax.set(xlabel="epoch", ylabel=name)
axes[0].legend(["run 1", "run 2"])
plt.show()
