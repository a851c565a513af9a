"""When schedules are due: cron, rate and at expressions of EventBridge and of scheduled actions."""
