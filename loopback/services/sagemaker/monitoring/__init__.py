"""Model Monitor: job definitions, schedules, executions and alerts. `monitor.Monitor` carries them out."""
