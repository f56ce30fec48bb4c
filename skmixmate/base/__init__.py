"""What the estimators over networks share: parameters, fits, inference."""
