"""Shared helpers: devices and validation."""
