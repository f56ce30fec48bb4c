"""Every kind of data, ready-made clusterers and their peers."""
