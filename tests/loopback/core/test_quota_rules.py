"""What is refused and what is told, in the words of recorded answers.

aws/amazon-sagemaker-examples#307 and aws-samples/sagemaker-custom-project-templates#51 have the first sentence; users'
notes of 2023 to 2025 (CreateTransformJob, CreateHyperParameterTuningJob, CreateEndpoint) the two after it.
"""

import pytest

from loopback.core.errors import ResourceLimitExceeded
from loopback.core.quota_rules import Demand, QuotaRules

TRAINING = "ml.m4.xlarge for training job usage"
RECORDED = (
    "The account-level service limit 'ml.m4.xlarge for training job usage' is 0 Instances, with current utilization of "
    "0 Instances and a request delta of 2 Instances. Please use AWS Service Quotas to request an increase for this "
    "quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
)


def demand(used=0, delta=2, default=0.0, name=TRAINING):
    return Demand(name, "Instances", default, used, delta)


def outcome(rules, one):
    """How a demand ends: `refused`, the text of a warning, or `ok`."""
    told = []
    try:
        QuotaRules(rules.granted, rules.is_new, told.append).require(one)
    except ResourceLimitExceeded:
        return "refused"
    return told[0].text if told else "ok"


def test_a_refusal_has_aws_s_words():
    with pytest.raises(ResourceLimitExceeded) as refused:
        QuotaRules(is_new=True).require(demand())
    assert str(refused.value) == RECORDED


@pytest.mark.parametrize(
    ("granted", "one", "text"),
    [
        ({}, demand(used=0, delta=1, default=1), None),
        ({}, demand(used=1, delta=1, default=1), "2 instances at once; by default AWS gives 1 (2024-02-10)"),
        ({TRAINING: 2}, demand(used=1, delta=1, default=1), None),
        ({TRAINING: 2}, demand(used=2, delta=1, default=1), "3 instances at once; the account has 2"),
        ({}, demand(default=None), None),
    ],
)
def test_what_aws_lets_wait_is_told_and_never_refused(granted, one, text):
    told = []
    QuotaRules(granted, is_new=True, warn=told.append).tell(one, "codebuild")
    assert [warning.text for warning in told] == ([text] if text else [])
    assert all("--service-code codebuild" in warning.todo for warning in told)


@pytest.mark.parametrize(
    ("rules", "one", "ends"),
    [
        (QuotaRules(), demand(), "2 instances at once; by default AWS gives 0 (2024-02-10)"),
        (QuotaRules(), demand(used=1, default=4), "ok"),
        (QuotaRules(), demand(default=None), "2 instances at once; which quota AWS gives by default is not known"),
        (QuotaRules(is_new=True), demand(), "refused"),
        (QuotaRules(is_new=True), demand(used=2, default=4), "ok"),
        (QuotaRules(is_new=True), demand(used=3, default=4), "refused"),
        (
            QuotaRules(is_new=True),
            demand(default=None),
            "2 instances at once; which quota AWS gives by default is not known",
        ),
        (QuotaRules({TRAINING: 2}), demand(), "ok"),
        (QuotaRules({TRAINING: 2}), demand(used=1), "refused"),
        (QuotaRules({TRAINING: 1}), demand(default=4), "refused"),
        (QuotaRules({"ml.m4.* for * usage": 2}, is_new=True), demand(), "ok"),
        (QuotaRules({"ml.m4.*": 9, "*": 0}, is_new=True), demand(), "ok"),  # the first that fits counts
        (QuotaRules({"*": 0}), demand(default=None), "refused"),
    ],
)
def test_what_is_granted_is_a_limit_and_a_default_is_one_of_new_accounts(rules, one, ends):
    assert outcome(rules, one) == ends
