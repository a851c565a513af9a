"""What tests may ask of a loopback that was started for them: to be empty again, and to meet faults."""
