"""The command line: the verbs a person types, over boto3 alone, so that each works against AWS and loopback alike."""
