"""Options and keys as they are sent."""

import pytest

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_means
from services.ingest.orders import check_key, read_options, with_seed, with_title


def test_nothing_means_the_defaults() -> None:
    assert read_options(b"") == read_options(b"{}") == JobOptions()


def test_options_are_read() -> None:
    options = read_options(b'{"prompt": "a\\nb", "aspect": "9:16", "fps": "29.97", "seed": 7}')
    assert (options.prompt, options.aspect, options.fps, options.seed) == ("a\nb", "9:16", "29.97", 7)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "null",
        "[]",
        '{"style": "../x"}',
        '{"style": "A"}',
        '{"aspect": "2:1"}',
        '{"height": 95}',
        '{"height": 2161}',
        '{"height": 1e400}',
        '{"fps": "9.99"}',
        '{"fps": "61"}',
        '{"fps": "30/0"}',
        '{"fps": 30}',
        '{"seed": -1}',
        '{"seed": 4294967296}',
        '{"title": "a\\u0000"}',
        '{"title": "a\\u2028"}',
        '{"prompt": "\\u001b[31m"}',
        '{"prompt": "' + "x" * 4001 + '"}',
        '{"unknown": 1}',
        '{"prompt": "\\ud800"}',
        "\ufeff{}",
    ],
)
def test_what_is_not_valid_is_refused(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        read_options(text.encode())
    assert caught.value.code == "bad_options"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Permanent, match="bad_options"):
        read_options(b'{"prompt": "\xff\xfe"}')


def test_callbacks_are_checked_by_their_text() -> None:
    url = b'{"callback_url": "http://192.168.1.9:5678/webhook"}'
    assert read_options(url).callback_url.endswith("/webhook"), "the notifier has the last word"
    assert read_options(url, ("192.168.1.9",)).callback_url
    for allow, text in [((), "http://192.168.1.9/"), (("*",), "gopher://x/"), (("*",), "http://u:p@x/")]:
        with pytest.raises(Permanent, match="bad_callback_url"):
            read_options(f'{{"callback_url": "{text}"}}'.encode(), allow)


def test_a_seed_is_chosen_once() -> None:
    assert with_seed(JobOptions(seed=0)).seed == 0
    seeds = {with_seed(JobOptions()).seed for _ in range(20)}
    assert None not in seeds
    assert len(seeds) > 15


@pytest.mark.parametrize("key", ["a b", "x" * 201, "é", "a\n", "\x00"])
def test_keys_are_visible_ascii(key: str) -> None:
    with pytest.raises(Permanent, match="bad_request"):
        check_key(key)


def test_good_keys() -> None:
    assert check_key("") == ""
    assert check_key("5b1c-…".replace("…", "~")) == "5b1c-~"


def test_a_title_that_was_given_counts_more_than_the_tags() -> None:
    assert with_title(JobOptions(), "Morning").title == "Morning"
    assert with_title(JobOptions(title="Evening"), "Morning").title == "Evening"


@pytest.mark.parametrize("style", ["auto", "flow", "silk"])
def test_styles_that_draw_need_nothing(style: str) -> None:
    check_means(style, picture=False, title=False, lyrics=False)


@pytest.mark.parametrize("style", ["duotone", "press", "photo"])
def test_a_style_that_shows_a_picture_is_refused_without_one(style: str) -> None:
    with pytest.raises(Permanent, match="shows a theme picture") as refused:
        check_means(style, picture=False, title=True, lyrics=True)
    assert refused.value.code == "bad_options"
    assert "picture" in refused.value.hint
    check_means(style, picture=True, title=False, lyrics=False)
