import pytest

from gnn.text import clip, is_readable, readable_share
from gnn.text.readable import wide_script_share


@pytest.mark.parametrize(
    "text",
    [
        "t23773",
        "dom335",
        "u19724",
        "app12",
        "9f86d081884c7d659a2feaa0",
        "123 456",
        "",
        None,
        "   ",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_hashed_titles_are_not_readable(text: str | None) -> None:
    assert not is_readable(text)


@pytest.mark.parametrize("text", ["U2", "Toy Story (1995)", "体育新闻", "MALICE MIZER", "a", "Ärzte", "Blink-182 live"])
def test_titles_are_readable(text: str) -> None:
    assert is_readable(text)


def test_readable_share_of_nothing_is_zero() -> None:
    assert readable_share([]) == 0
    assert readable_share(["t23773", "Toy Story", None, "News"]) == 0.5


def test_script_share_counts_letters_outside_latin() -> None:
    assert wide_script_share(["hello", "Straße"]) == 0
    assert wide_script_share(["体育新闻"]) == 1
    assert wide_script_share(["ab体育"]) == pytest.approx(0.5)
    assert wide_script_share(["12 !"]) == 0


def test_clip_keeps_whole_sentences_of_either_script() -> None:
    assert clip("One. Two is longer. Three.", 19) == "One. Two is longer."
    assert clip("质量很好。物流太慢了。", 7) == "质量很好。"
    assert clip("no sentence end at all here", 10) == "no sentenc"
    assert clip("  short\n text ", 100) == "short text"
    assert len(clip("x" * 5000, 600)) == 600
