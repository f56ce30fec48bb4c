"""Figures of the page on the MixMate paper."""
