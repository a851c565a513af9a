"""Thin handlers, one file per family: request and context in, response out."""
