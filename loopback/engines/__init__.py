"""Decisions as pure functions, one folder for the AWS service that they decide for: facts in, next actions out.

No clock, store, process or network inside. What carries the actions out are `services` and `runtimes`.
"""
