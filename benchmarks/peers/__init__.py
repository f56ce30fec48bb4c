"""Figures of the comparison with the field."""
