"""Alarms and scaling policies as pure functions: data points in, states and capacities out."""
