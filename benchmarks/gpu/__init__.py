"""What a GPU takes, and whether the fused kernels are right on it."""
