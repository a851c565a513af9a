"""A model in memory, answering as its container would. `models.load_model` is the way in; no HTTP, no process here."""
