"""EventBridge: what a rule's target is handed."""
