"""Modules that CloudFormation adds to the inline code of functions that name them; they run in those functions."""
