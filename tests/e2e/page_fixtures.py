"""Fixtures of the tests of the page: a real headless Chromium, and a small planted home served on loopback."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from page_checks import PATIENCE_MILLISECONDS, Site
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.http.app import create_app
from api.settings import Settings
from tests.integration.api_home import plant

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Skips where there is none, before a home is planted for nothing."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    return path


@pytest.fixture(scope="session")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    planted = plant(tmp_path_factory.mktemp("page") / "home")
    app = create_app(Settings(home=planted.home), log_stream=io.StringIO())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + PATIENCE_MILLISECONDS / 1000
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server did not become ready"
            time.sleep(0.05)
        yield Site(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", planted)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """For one module at a time: while it is there, this thread has a running event loop, which others must not meet."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        # Its sandbox needs user namespaces, which containers mostly lack; it is shown nothing but this server.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab of its own. Scripts that fail, and what the page's policy forbids, fail the test."""
    with browser.new_context(base_url=site.url, viewport={"width": 1100, "height": 900}) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        tab = context.new_page()
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None)
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        yield tab
        assert wrong == []
