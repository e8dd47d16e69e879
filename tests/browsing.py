"""Clicks in a browser that wait for what they lead to."""

from playwright.sync_api import Locator


def follow(locator: Locator) -> None:
    """Click a link or button, and wait until the page that it leads to has loaded.

    A click alone returns before the old page has gone, so that what is read next may be read there.
    """
    with locator.page.expect_navigation():
        locator.click()
