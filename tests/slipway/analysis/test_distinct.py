"""Distinct texts: one hash a text, however it is read."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from slipway.analysis import distinct
from slipway.analysis.distinct import Distinct


@given(st.lists(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\0"), max_size=40), min_size=1))
def test_texts_that_are_hashed_together_or_alone_have_one_hash(texts):
    together = distinct._hashes(pa.array(texts))
    assert together.tolist() == [distinct._hash(text) for text in texts]


def test_long_and_foreign_texts_are_counted_beside_short_ones():
    found = Distinct().adding(pa.array(["a", "b"])).adding(pa.array(["a", "ä", "x" * 500])).adding(pa.array(["b", "x"]))
    assert found.count() == 5


def test_the_estimate_is_within_its_error():
    found = Distinct()
    for start in range(0, 200_000, 20_000):
        found = found.adding(
            pa.array([f"{number // 10000}-{number % 10000:04}" for number in range(start, start + 30_000)])
        )
    assert abs(found.count() / 210_000 - 1) < 0.05
