"""The sample policy can be found from the code that shows it."""

from upheld.demo import sample_policy


def test_the_sample_policy_is_found() -> None:
    """A checkout finds the sample provider's policy without being told where."""
    assert sample_policy().read_text(encoding="utf-8").strip()
