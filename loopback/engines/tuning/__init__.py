"""Hyperparameter tuning: which values come next, which training jobs go on, and when it is over. Pure."""
