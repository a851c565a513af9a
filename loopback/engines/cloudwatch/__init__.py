"""CloudWatch: data points in, states of alarms out."""
