"""Figures of the page on the group-sparse autoencoder."""
