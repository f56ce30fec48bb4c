"""The group-sparse paper: ``python -m benchmarks.group_sparse EXPERIMENT``.

- ``simulation``: Fig. 3, recovery of a generating dictionary from a distant start;
- ``mnist``: Table 1, clusters of the codes of MNIST's test images;
- ``epoch``: seconds of an epoch of training on MNIST;
- ``mixmate``: the group penalty in `MixMateClustering`, on three data sets.

Each stores ``benchmarks/results/group_sparse/EXPERIMENT.json`` as it goes; labels are
used for scoring alone. ``python -m benchmarks.group_sparse.report`` makes the tables
and pictures of the docs from these.
"""

from ..common import make_parser, parse
from . import mixmate, mnist, simulation


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument(
        "experiment", choices=("simulation", "mnist", "epoch", "mixmate")
    )
    parser.add_argument("--epochs", type=int, help="default 300, 40 and 10")
    parser.add_argument("--samples", type=int, default=10_000, help="simulation only")
    parser.add_argument("--seeds", type=int, default=1, help="mnist and mixmate")
    parser.add_argument("--only", nargs="+", help="names of settings or models")
    arguments = parse(parser)
    if arguments.experiment == "simulation":
        simulation.run(
            arguments.epochs or 300,
            arguments.samples,
            arguments.threads,
            arguments.only,
        )
    elif arguments.experiment == "mnist":
        mnist.run(
            arguments.epochs or 40, arguments.threads, arguments.seeds, arguments.only
        )
    elif arguments.experiment == "epoch":
        mnist.time_epochs(arguments.threads)
    else:
        mixmate.run(arguments.threads, arguments.seeds, arguments.epochs or 10)


if __name__ == "__main__":
    main()
