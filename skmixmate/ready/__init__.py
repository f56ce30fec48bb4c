"""Ready-made clusterers, with every choice written down."""

from .images import make_image_features
from .paper import make_paper_clusterer

__all__ = ["make_image_features", "make_paper_clusterer"]
