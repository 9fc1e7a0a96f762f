"""HTML: what a reader of the page sees, without scripts, menus and footers."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from services.rag.adapters.formats.collecting import Collector
from services.rag.documents import Parsed

_LEFT_OUT = "script, style, noscript, template, nav, footer, aside, form, svg, iframe, object, canvas, [hidden]"
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Elements whose text is one block; a container of such is walked through.
_TEXTS = frozenset(("p", "li", "pre", "blockquote", "dt", "dd", "figcaption", "caption", "address"))
_SELECTED = "h1, h2, h3, h4, h5, h6, p, ul, ol, dl, pre, blockquote, table, div, section, article, main, header"
_CONTAINERS = frozenset(_SELECTED.replace(" ", "").split(",")) - _TEXTS - _HEADINGS.keys()
_MAX_DEPTH = 200


def read_html(content: bytes) -> Parsed:
    """Returns the page's title and blocks; lists and tables stay together. Raises Unreadable (ARCHIVE_TOO_LARGE)."""
    page = LexborHTMLParser(content)
    for node in page.css(_LEFT_OUT):
        node.decompose()
    title = page.css_first("title")
    name = " ".join(title.text().split()) if title else ""
    collector = Collector()
    if page.body is not None:
        _walk(page.body, collector, depth=0)
    return Parsed(name or collector.first_heading, tuple(collector.blocks))


def _walk(node: LexborNode, collector: Collector, *, depth: int) -> None:
    """Goes through a container; text that stands in it without an element of its own is a block too."""
    loose: list[str] = []

    def end_loose() -> None:
        collector.text("".join(loose))
        loose.clear()

    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag in _HEADINGS:
            end_loose()
            collector.heading(_HEADINGS[tag], child.text(separator=" "))
        elif tag in ("ul", "ol"):
            end_loose()
            collector.text(
                "\n".join(
                    f"- {' '.join(item.text(separator=' ').split())}" for item in child.iter() if item.tag == "li"
                )
            )
        elif tag == "table":
            end_loose()
            collector.rows([[cell.text(separator=" ") for cell in row.css("th, td")] for row in child.css("tr")])
        elif tag in _TEXTS or (tag in _CONTAINERS and depth >= _MAX_DEPTH):
            end_loose()
            collector.text(child.text(separator=" "))
        elif tag in _CONTAINERS or child.css_first(_SELECTED) is not None:
            end_loose()
            _walk(child, collector, depth=depth + 1)
        elif tag == "br":
            loose.append("\n")
        else:
            loose.append(child.text(separator=" "))
    end_loose()
