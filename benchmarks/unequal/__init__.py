"""Clusters of unequal size."""
