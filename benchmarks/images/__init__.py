"""Figures of the documentation on images."""
