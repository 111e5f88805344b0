"""A page in the browser, and everything that it asked for or complained of."""

from tests.viewer.page.meadow import scenery
from tests.viewer.page.stage import Stage
from tests.viewer.pretend import until


class Seen:
    """A page on a stage, and everything that it asked for or complained of."""

    def __init__(
        self, browser, meta, scheme="dark", size=(1280, 720), control=True, more="", storage=True, cookie=True
    ):
        self.stage = Stage(meta, control=control)
        self.stage.cookie = cookie
        self.meta = meta
        self.context = browser.new_context(
            color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, accept_downloads=True
        )
        self.page = self.context.new_page()
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(self.stage.url + more)
        self.wait("S.meta !== null")
        self.stage.heard("interest")

    def close(self):
        self.context.close()
        self.stage.close()
        assert [error for error in self.errors if "ERR_CONNECTION_REFUSED" not in error] == []

    def value(self, expression, *given):
        return self.page.evaluate(expression, *given)

    def wait(self, claim):
        """`claim` is JavaScript; the policy of the page forbids Playwright's own way to wait, which uses eval."""
        until(lambda: self.value(claim))

    def wait_text(self, place, words):
        until(lambda: words in (self.page.text_content(place) or ""))

    def frame(self, tick, *blocks):
        """Send a frame and wait until it is drawn."""
        acks = self.stage.acks
        self.stage.frame(tick, *blocks)
        until(lambda: self.stage.acks > acks)

    def scenery(self, tick, **changes):
        self.frame(tick, *scenery(self.meta, tick, **changes))

    def interest(self, claim):
        """Wait until the page's newest interest is so."""
        until(lambda: self.stage.ops("interest") and claim(self.stage.interest))

    def style(self, what, type=0):
        return self.value(f"S.scene.styles.get({type}).{what}")

    def tab(self, name):
        self.page.click(f"#tab-{name}")

    def slide(self, place, part):
        """Move a slider to a part, 0 to 1, of its way."""
        self.page.locator(place).evaluate(
            "(input, part) => { input.value = +input.min + part * (input.max - input.min);"
            " input.dispatchEvent(new Event('input')); input.dispatchEvent(new Event('change')); }",
            part,
        )
