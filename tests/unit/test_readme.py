"""The README says what the code does."""

from tools.settings_table import README, readme_with_table


def test_the_table_of_settings_is_fresh() -> None:
    """`make settings` writes it."""
    written = README.read_text(encoding="utf-8")
    assert readme_with_table(written) == written
