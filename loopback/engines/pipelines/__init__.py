"""Pipeline execution as a pure function: (definition, facts so far, now) -> next actions.

No clock, store, process or network: the driver that carries the actions out lives above this package.
"""
