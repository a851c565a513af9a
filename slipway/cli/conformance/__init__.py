"""`slipway conformance`: what no source settles about AWS, asked of an account, for a report to attach to an issue."""
