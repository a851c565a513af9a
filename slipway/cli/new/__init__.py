"""`slipway new`: a pipeline from a table. What the table holds, what that means, what is written."""
