"""Figures of the user guide on images."""
