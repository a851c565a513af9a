"""CloudWatch alarms: when they are looked at, and what happens when their state changes."""
