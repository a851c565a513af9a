"""Hyperparameter tuning jobs: their operations, and the thread that carries them out."""
