"""Figures of the page on speed, and of single parts."""
