"""How an approved version reaches a stage: the endpoint's template, the stages' settings, the tests in between."""
