"""Streams: learning batch by batch."""
