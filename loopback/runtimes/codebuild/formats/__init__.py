"""Files of test frameworks and coverage tools as CodeBuild's reports. Pure: bytes in, cases or coverages out."""
