"""Samples of every format, small and whole, after the formats' public descriptions."""

from pathlib import Path

import pytest

from loopback.runtimes.codebuild.formats import cases, coverages
from loopback.runtimes.codebuild.formats.documents import NotAReport
from loopback.runtimes.codebuild.formats.table import FORMATS

SAMPLES = Path(__file__).parent / "samples"
RUN = "ann@host 2024-05-08 10:20:30"


def entries(shape: str, name: str) -> list[dict[str, object]]:
    return FORMATS[shape].entries((SAMPLES / name).read_bytes())


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        (
            "JUNITXML",
            "junit.xml",
            [
                ("c", "a", "SUCCEEDED", 1_000_000, "", "s"),
                ("c", "b", "FAILED", 1_000_000_000, "no", "s"),
                ("c", "d", "ERROR", 0, "boom", "s"),
                ("c", "e", "SKIPPED", 0, "", "s"),
            ],
        ),
        (
            "NUNITXML",
            "nunit.xml",
            [
                ("Bank.AccountTests", "Deposit", "SUCCEEDED", 10_000_000, "", "AccountTests"),
                ("Bank.AccountTests", "Withdraw(10.5)", "FAILED", 1_500_000_000, "Expected: 1", "AccountTests"),
                ("Bank.AccountTests", "Transfer", "ERROR", 20_000_000, "NullReferenceException", "AccountTests"),
                ("Bank.AccountTests", "Later", "SKIPPED", 0, "not yet", "AccountTests"),
                ("Bank.AccountTests", "Perhaps", "UNKNOWN", 0, "", "AccountTests"),
            ],
        ),
        (
            "NUNIT3XML",
            "nunit3.xml",
            [
                ("Bank.AccountTests", "Deposit", "SUCCEEDED", 250_000, "", "AccountTests"),
                ("Bank.AccountTests", "Withdraw(10)", "FAILED", 500_000_000, "Expected: 1", "AccountTests"),
                ("Bank.AccountTests", "Transfer", "ERROR", 100_000_000, "System.Exception", "AccountTests"),
                ("Bank.AccountTests", "Later", "SKIPPED", 0, "not yet", "AccountTests"),
            ],
        ),
        (
            "TESTNGXML",
            "testng.xml",
            [
                ("bank.AccountTest", "deposit", "SUCCEEDED", 7_000_000, "", "Bank"),
                ("bank.AccountTest", "withdraw", "FAILED", 1_200_000_000, "expected [1] but found [2]", "Bank"),
                ("bank.AccountTest", "transfer", "SKIPPED", 0, "org.testng.SkipException", "Bank"),
            ],
        ),
        (
            "VISUALSTUDIOTRX",
            "run.trx",
            [
                ("Bank.AccountTests", "Deposit", "SUCCEEDED", 15_000_000, "", RUN),
                ("Bank.AccountTests", "Withdraw", "FAILED", 60_500_000_000, "Assert.Equal() Failure", RUN),
                ("Bank.AccountTests", "Later", "SKIPPED", 0, "", RUN),
                ("Bank.AccountTests", "Slow", "ERROR", 1_000_000_000, "", RUN),
            ],
        ),
        (
            "CUCUMBERJSON",
            "cucumber.json",
            [
                ("Account", "Deposit", "SUCCEEDED", 3_500_000, "", "features/account.feature"),
                ("Account", "Withdraw", "FAILED", 3_000_000, "expected 1", "features/account.feature"),
                ("Account", "Later", "SKIPPED", 0, "", "features/account.feature"),
                ("Account", "What", "UNKNOWN", 0, "", "features/account.feature"),
            ],
        ),
    ],
)
def test_cases(shape: str, name: str, expected: list[tuple[object, ...]]) -> None:
    keys = ("prefix", "name", "status", "durationInNanoSeconds", "message", "testSuiteName")
    assert [tuple(case[key] for key in keys) for case in entries(shape, name)] == expected


def test_totals_of_cases() -> None:
    found = entries("JUNITXML", "junit.xml")
    counts = {"SUCCEEDED": 1, "FAILED": 1, "ERROR": 1, "SKIPPED": 1, "UNKNOWN": 0}
    assert cases.summary(found) == {"total": 4, "statusCounts": counts, "durationInNanoSeconds": 1_001_000_000}
    assert not cases.all_passed(found)
    assert cases.all_passed([found[0], found[3]])


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        ("CLOVERXML", "clover.xml", [("/b/src/account.js", 3, 1, 2, 2)]),
        ("COBERTURAXML", "cobertura.xml", [("bank/account.py", 3, 1, 1, 1), ("bank/empty.py", 0, 0, 0, 0)]),
        ("JACOCOXML", "jacoco.xml", [("org/bank/Account.java", 3, 1, 1, 1), ("org/bank/Plain.java", 0, 2, 0, 0)]),
        ("SIMPLECOV", "resultset.json", [("/b/lib/account.rb", 3, 0, 1, 1), ("/b/lib/old.rb", 0, 1, 0, 0)]),
        ("SIMPLECOV", "coverage.json", [("/b/lib/account.rb", 2, 1, 1, 1)]),
    ],
)
def test_coverages(shape: str, name: str, expected: list[tuple[object, ...]]) -> None:
    keys = ("filePath", "linesCovered", "linesMissed", "branchesCovered", "branchesMissed")
    assert [tuple(each[key] for key in keys) for each in entries(shape, name)] == expected


def test_totals_of_coverages() -> None:
    assert coverages.summary(entries("JACOCOXML", "jacoco.xml")) == {
        "lineCoveragePercentage": 50.0,
        "linesCovered": 3,
        "linesMissed": 3,
        "branchCoveragePercentage": 50.0,
        "branchesCovered": 1,
        "branchesMissed": 1,
    }
    assert coverages.summary([])["lineCoveragePercentage"] == 0.0


@pytest.mark.parametrize(
    ("shape", "text", "words"),
    [
        ("JUNITXML", b"x", "not XML"),
        ("JUNITXML", b"<html/>", "root is <html>; expected <testsuites> or <testsuite>"),
        ("JUNITXML", b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "entities"),
        ("NUNITXML", b"<test-run/>", "expected <test-results>"),
        ("NUNIT3XML", b"<test-results/>", "expected <test-run>"),
        ("TESTNGXML", b"<testsuite/>", "expected <testng-results>"),
        ("VISUALSTUDIOTRX", b"<testsuite/>", "expected <TestRun>"),
        ("CUCUMBERJSON", b"<x/>", "not JSON"),
        ("CUCUMBERJSON", b"{}", "not a list of features"),
        ("CUCUMBERJSON", b'[{"elements": [3]}]', "cannot be understood"),
        ("CLOVERXML", b"<coverage><packages/></coverage>", "no <project>"),
        ("COBERTURAXML", b"<coverage><project/></coverage>", "no <packages>"),
        ("JACOCOXML", b"<coverage/>", "expected <report>"),
        ("SIMPLECOV", b"[]", "it is a list"),
        ("SIMPLECOV", b'{"RSpec": {}}', 'no "coverage" of files'),
        ("SIMPLECOV", b'{"RSpec": {"coverage": {"a.rb": 3}}}', "cannot be understood"),
    ],
)
def test_a_file_of_another_kind_is_named(shape: str, text: bytes, words: str) -> None:
    with pytest.raises(NotAReport, match=words):
        FORMATS[shape].entries(text)
