"""An HTML document as a test sees it: its elements in order, and the text of each."""

import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input", "base"}


@dataclass
class Element:
    tag: str
    attributes: dict
    parent: object = field(repr=False)
    #: texts and elements in their order
    parts: list = field(default_factory=list)

    @property
    def children(self):
        return [part for part in self.parts if isinstance(part, Element)]

    @property
    def text(self):
        """All that it holds, as one line."""
        told = (part.text if isinstance(part, Element) else part for part in self.parts)
        return " ".join(" ".join(told).split())


class Document(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.elements, self.open = [], Element("", {}, None)
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs), self.open)
        self.open.parts.append(element)
        self.elements.append(element)
        if tag not in VOID:
            self.open = element

    def handle_endtag(self, tag):
        assert self.open.tag == tag, f"</{tag}> closes <{self.open.tag}>"
        self.open = self.open.parent

    def handle_data(self, data):
        self.open.parts.append(data)

    def all(self, *tags):
        return [element for element in self.elements if element.tag in tags]

    def by_id(self, name):
        found = [element for element in self.elements if element.attributes.get("id") == name]
        assert len(found) == 1, f"{len(found)} elements with the id {name}"
        return found[0]

    def told(self, name):
        return self.by_id(name).text


LOADING = ("script", "link", "img", "iframe", "object", "embed", "base", "form", "video", "audio")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def keeps_to_itself(document):
    """Every page: nothing is loaded from elsewhere and nothing runs."""
    assert not document.all(*LOADING)
    for element in document.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
        assert element.attributes.get("href", "#").startswith("#")
        places = re.findall(r"url\(([^)]*)\)", " ".join(filter(None, element.attributes.values())))
        assert all(place.startswith("#") for place in places)
    (style,) = document.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    assert [meta.attributes["content"] for meta in document.all("meta") if "http-equiv" in meta.attributes] == [POLICY]


def can_be_heard(document):
    """Every page: whoever does not see it is told all the same."""
    assert document.all("html")[0].attributes["lang"] == "en"
    levels = [int(heading.tag[1]) for heading in document.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    for figure in document.all("svg"):
        if figure.attributes.get("aria-hidden") != "true":
            assert figure.attributes["role"] == "img"
            named = figure.attributes["aria-labelledby"].split()
            assert [document.by_id(name).tag for name in named] == ["title", "desc"]
    for table in document.all("table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text
    assert all(cell.attributes.get("scope") in ("col", "row") for cell in document.all("th"))
    for element in document.elements:
        for name in element.attributes.get("aria-labelledby", "").split():
            assert document.told(name)
    ids = [element.attributes["id"] for element in document.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
