"""How many clusters there are, and which are to be trusted."""

from .n_clusters import NumberOfClusters, choose_n_clusters, clusters_found_again
from .stability import cluster_stability

__all__ = [
    "NumberOfClusters",
    "choose_n_clusters",
    "cluster_stability",
    "clusters_found_again",
]
