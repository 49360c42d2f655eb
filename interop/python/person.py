"""A person at a browser without JavaScript: follows redirects and fills in forms, known by their stable hooks."""

import os
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

ISSUER = os.environ["INTEROP_ISSUER"]
PASSWORD = "correct horse battery staple"


class Page(HTMLParser):
    """A page of ours: its name, and its forms with their fields and buttons."""

    def __init__(self, response):
        super().__init__()
        self.url, self.status, self.html = response.url, response.status_code, response.text
        self.name, self.error, self.forms = None, None, []
        self.feed(response.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.error = attributes.get("data-error", self.error)
        if tag == "body":
            self.name = attributes.get("data-page")
        elif tag == "form":
            self.forms.append({"action": attributes.get("action", ""), "inputs": [], "buttons": []})
        elif tag in ("input", "button") and self.forms:
            self.forms[-1][tag + "s"].append(attributes)

    def form_of(self, button_id):
        for form in self.forms:
            for button in form["buttons"]:
                if button.get("id") == button_id:
                    return form, button
        raise AssertionError(f"no button {button_id} on the page {self.name} ({self.status}): {self.html}")


class Person:
    def __init__(self, username, password=PASSWORD):
        self.username, self.password = username, password
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.visited = []

    def _follow(self, method, url, data=None):
        for _ in range(12):
            response = self.browser.request(method, url, data=data, allow_redirects=False, timeout=20)
            location = response.headers.get("location")
            if not (300 <= response.status_code < 400 and location):
                return Page(response)
            url, method, data = urljoin(url, location), "GET", None
            if urlsplit(url)[:2] != urlsplit(ISSUER)[:2]:
                return url
        raise AssertionError(f"too many redirects, now at {url}")

    def visit(self, url):
        return self._follow("GET", url)

    def press(self, page, button_id, changes=None):
        form, button = page.form_of(button_id)
        fields = {}
        for field in form["inputs"]:
            if field.get("type") in ("checkbox", "radio") and "checked" not in field:
                continue
            if field.get("name"):
                fields[field["name"]] = field.get("value") or ""
        fields.update(changes or {})
        if button.get("name"):
            fields[button["name"]] = button.get("value") or ""
        return self._follow("POST", urljoin(page.url, form["action"] or page.url), fields)

    def authorize(self, url, answer="consent-allow"):
        """Logs in, goes on, allows; returns the URL that leads back to the client."""
        self.visited = []
        page = self.visit(url)
        for _ in range(8):
            if isinstance(page, str):
                return page
            self.visited.append(page.name)
            if page.name == "login":
                page = self.press(page, "login-submit", {"username": self.username, "password": self.password})
            elif page.name == "account":
                page = self.press(page, "account-continue")
            elif page.name == "consent":
                page = self.press(page, answer)
            else:
                raise AssertionError(f"stuck on the page {page.name} ({page.status}, {page.error}): {page.html}")
        raise AssertionError(f"no way back to the client; pages: {self.visited}")
