"""Application Auto Scaling: which capacity policies, limits and cooldowns lead to."""
