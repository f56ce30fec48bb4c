"""What the estimators over networks share: starts, training runs, inference."""
