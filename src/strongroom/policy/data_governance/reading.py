"""Reading a public page as a stranger does: what it states of each term, which laws it lists, whose it is."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Said:
    """One term as a page states it, twice: `value` for machines, `words` for people."""

    name: str
    scope: str
    value: str
    words: str = ""


@dataclass
class Page:
    """What could be read. `version`, `company`: as the page's body says."""

    version: str = ""
    company: str = ""
    terms: list[Said] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)


def read(content: bytes) -> Page:
    """A page from its bytes. Whatever does not read as a page of ours reads as a page that states nothing."""
    reader = _Reader()
    reader.feed(content.decode("utf-8", "replace"))
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._inside: Said | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.page.version, self.page.company = said.get("data-version", ""), said.get("data-company", "")
        if "data-law" in said:
            self.page.laws.append(said["data-law"])
        if tag == "data" and "data-term" in said:
            self._inside = Said(said["data-term"], said.get("data-scope", ""), said.get("value", ""))
            self.page.terms.append(self._inside)

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside.words += data
