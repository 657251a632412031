"""YAML as Kubernetes reads it (sigs.k8s.io/yaml), each value with its place in the file; and YAML written out."""

from __future__ import annotations

import base64
import codecs
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeAlias, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from admit.errors import Fault, RuleSetError
from admit.rules import scalars
from admit.source import Source, Span

try:
    from yaml._yaml import CParser as _Parser
    from yaml.cyaml import CSafeDumper as _SafeDumper
except ImportError:  # PyYAML without libyaml
    from yaml import SafeDumper as _SafeDumper  # type: ignore[assignment]
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Parser(Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


MAX_DEPTH = 200
MAX_NODES = 1_000_000  # of a document, its aliases written out

Path: TypeAlias = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text: plain data, and where each part of it is written."""

    value: Any
    source: Source
    node: Node

    def span(self, path: Path = (), key: bool = False) -> Span:
        """The place of the value at a path, or of its key; of the nearest parent, where the path is not written."""
        value_node, key_node = _find(self.node, path)
        return _span(key_node if key else value_node, self.source)

    def scalar(self, path: Path = ()) -> Source:
        """The text of the scalar at a path; its offsets map onto the file where it is written as it reads."""
        node, _ = _find(self.node, path)
        if not isinstance(node, ScalarNode):
            raise TypeError(f"no scalar at {path}")
        start = node.start_mark.index
        starts = _line_starts(node, self.source.text)
        return Source(node.value, self.source.name, self.source, starts or (start,), exact=starts is not None)


def listed(document: Document) -> Iterator[Document]:
    """The documents that a List holds, as `kubectl get -o yaml` writes one; the document itself, if it is none."""
    match document.value:
        case {"metadata": {"name": _}}:  # an object of a kind that is called so
            yield document
        case {"kind": str(kind), "items": [*items]} if kind.endswith("List"):
            nodes, _ = _find(document.node, ("items",))
            head = {"apiVersion": document.value.get("apiVersion"), "kind": kind.removesuffix("List")}
            for item, node in zip(items, nodes.value, strict=True):
                value = {**head, **item} if isinstance(item, dict) else item
                yield from listed(Document(value, document.source, node))
        case _:
            yield document


def read(text: str | bytes, name: str = "<input>") -> list[Document]:
    """The documents of a text, but the empty ones. Raises RuleSetError with all that is wrong with it."""
    source = _source(text, name)
    construction = _Construction(source)
    documents = []
    try:
        _check_version(source)
        composer = _Composer(source.text)
        while composer.check_node():
            node = cast(Node, composer.get_node())
            if "*" in source.text:
                _check_aliases(node, {})
            value = construction.value(node)
            if value is not None:
                documents.append(Document(value, source, node))
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        construction.faults.append(_syntax_fault(error, source))
    if construction.faults:
        raise RuleSetError(tuple(dict.fromkeys(construction.faults)))
    return documents


def load(text: str | bytes, name: str = "<input>") -> list[Any]:
    """The values of a text's documents."""
    return [document.value for document in read(text, name)]


def document_of(value: Any, name: str = "<document>") -> Document:
    """A document that was never a text, with places in the text that it would have."""
    return read(dump(value), name)[0]


def dump(value: Any, lists_in_lines: bool = False) -> str:
    """Plain data as people write it for Kubernetes: block style, keys in their order, texts quoted where needed.

    `lists_in_lines`: short lists of scalars are `[a, b]`.
    """
    dumper = _InLines if lists_in_lines else _Dumper
    text: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**31 - 1
    )
    return text[:-4] if text.endswith("\n...\n") else text


class _Composer(_Parser):
    """PyYAML's composer. A node's tag is the one written, else True for a plain scalar and False for a quoted one."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> bool:
        return kind is not ScalarNode or implicit[0]

    def descend_resolver(self, parent: Node | None, _: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH and parent is not None:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=parent.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _Construction:
    """Nodes to values. What is wrong is added to the faults, and null taken in its place."""

    __slots__ = ("escaped_slashes", "faults", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []
        self.escaped_slashes = "\\/" in source.text

    def value(self, node: Node) -> Any:
        kind = type(node)
        tag: Any = node.tag
        if kind is ScalarNode:
            text: str = node.value
            if tag is True:
                value = scalars.WORDS.get(text, text)
                if value is text and text[0] in scalars.NUMERIC:
                    return self.number(scalars.number(text), node)
                return value
            if tag is False:
                if self.escaped_slashes:
                    self.check_escapes(cast(ScalarNode, node))
                return text
            return self.tagged(cast(ScalarNode, node))
        if tag is not True and tag not in _COLLECTION_TAGS[kind]:
            self.fault(f"a {'map' if kind is MappingNode else 'list'} cannot have the tag {_shown(tag)}", node)
        if kind is MappingNode:
            return self.mapping(node)
        return [self.value(item) for item in node.value]

    def mapping(self, node: Node) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _merges(key_node):
                self.merge(value, key_node, value_node)
                continue
            key = self.key(key_node)
            if key is None:
                continue
            if key in value:
                self.fault(f"duplicate key {key!r}", key_node)
            value[key] = self.value(value_node)
        return value

    def merge(self, value: dict[str, Any], key_node: Node, value_node: Node) -> None:
        """`<<: *anchor`. A key that comes twice is a duplicate here too: Kubernetes' order of precedence is its own."""
        for merged in _merged(value_node):
            if not isinstance(merged, MappingNode):
                self.fault("'<<' merges a map or a list of maps only", value_node)
                continue
            for key, item in self.mapping(merged).items():
                if key in value:
                    self.fault(f"duplicate key {key!r}: what '<<' merges has it too", key_node)
                value[key] = item

    def key(self, node: Node) -> str | None:
        """The key as a string, as Kubernetes writes it; None with a fault, where it cannot."""
        tag: Any = node.tag
        if isinstance(node, ScalarNode):
            key = scalars.key(scalars.resolve(node.value) if tag is True else self.value(node))
            if key is not None:
                return key
        self.fault("a key must be a string, a number or a boolean", node)
        return None

    def number(self, value: Any, node: Node) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            self.fault(f"JSON has no number {node.value}", node)
            return None
        return value if isinstance(value, str) else scalars.json_number(value)

    def tagged(self, node: ScalarNode) -> Any:
        text: str = node.value
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return text
        if tag == "binary":
            try:
                data = base64.b64decode("".join(text.splitlines()), validate=True)
                return re.sub("[\udc80-\udcff]", "\ufffd", data.decode(errors="surrogateescape"))
            except ValueError:
                self.fault("invalid base64 in !!binary", node)
                return None
        if tag not in _SCALAR_TAGS:
            self.fault(f"unknown tag {_shown(node.tag)}", node)
            return None
        value = scalars.resolve(text)
        if type(value) not in _SCALAR_TAGS[tag] or (tag == "timestamp" and not scalars.is_timestamp(text)):
            self.fault(f"{text!r} is no {tag}", node)
            return None
        return self.number(value, node) if tag in ("int", "float") else value

    def check_escapes(self, node: ScalarNode) -> None:
        raw = self.source.text[node.start_mark.index : node.end_mark.index]
        if node.style == '"' and re.search(r"(?<!\\)(?:\\\\)*\\/", raw):
            self.fault("unknown escape '\\/': write '/'", node)

    def fault(self, message: str, node: Node) -> None:
        self.faults.append(Fault(message, _span(node, self.source)))


_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
    "timestamp": (str,),
}
_COLLECTION_TAGS: dict[type[Node], tuple[str, ...]] = {
    MappingNode: ("tag:yaml.org,2002:map", "tag:yaml.org,2002:set"),
    SequenceNode: ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:omap", "tag:yaml.org,2002:pairs"),
}


def _shown(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _merges(key: Node) -> bool:
    tag: Any = key.tag
    return key.value == "<<" and (tag is True or tag == "tag:yaml.org,2002:merge")


def _merged(value: Node) -> list[Node]:
    return value.value if isinstance(value, SequenceNode) else [value]


def _pairs(node: Node) -> Iterator[tuple[Node, Node]]:
    """The keys and values of a map, with those that it merges."""
    for key, value in node.value:
        if _merges(key):
            for merged in _merged(value):
                yield from _pairs(merged)
        else:
            yield key, value


def _find(node: Node, path: Path) -> tuple[Node, Node]:
    """The value at a path and its key (the value itself, where it has none); of the nearest parent, where it is not."""
    key = node
    plain = _Construction(Source(""))
    for part in path:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in _pairs(node) if plain.key(pair[0]) == part), None)
            if pair is None:
                break
            key, node = pair
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            key = node = node.value[part]
        else:
            break
    return node, key


def _span(node: Node, source: Source) -> Span:
    """The node's text, without the space that the parser counts to it."""
    start = node.start_mark.index
    return source.span(start, start + len(source.text[start : node.end_mark.index].rstrip()))


def _line_starts(node: ScalarNode, text: str) -> tuple[int, ...] | None:
    """The offset in the file of each line of a scalar; None where it is not written as it reads."""
    properties = _PROPERTIES.match(text, node.start_mark.index)
    start = properties.end() if properties else node.start_mark.index
    raw = text[start : node.end_mark.index]
    if node.style in ("|", ">"):
        return _block_starts(node.value, raw, start)
    if node.style in ("'", '"'):
        raw, start = raw[1:-1], start + 1
    return (start,) if raw == node.value and "\n" not in raw else None


_PROPERTIES = re.compile(r"(?:[!&]\S*\s+)*")


def _block_starts(value: str, raw: str, start: int) -> tuple[int, ...] | None:
    lines = value.split("\n")
    header, *rows = raw.split("\n")
    indent = next((len(row.rstrip("\r")) - len(line) for line, row in zip(lines, rows, strict=False) if line), 0)
    starts = []
    at = start + len(header) + 1
    for line, row in zip_longest(lines, rows[: len(lines)], fillvalue=""):
        if indent < 0 or row.rstrip("\r")[indent:] != line:
            return None
        starts.append(at + min(indent, len(row)))
        at += len(row) + 1
    if len(lines) > 1 and not lines[-1]:  # the end of the text is the end of its last line, not the line below
        starts[-1] = starts[-2] + len(lines[-2])
    return tuple(starts)


def _source(text: str | bytes, name: str) -> Source:
    if isinstance(text, str):
        return Source(text.removeprefix("\ufeff"), name)
    encoding = "utf-16" if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        return Source(text.decode(encoding).removeprefix("\ufeff"), name)
    except UnicodeDecodeError as error:
        source = Source(text.decode(encoding, errors="replace"), name)
        at = len(text[: error.start].decode(encoding, errors="replace"))
        raise RuleSetError([Fault(f"the text is not {encoding.upper()}", source.span(at, at + 1))]) from None


def _check_version(source: Source) -> None:
    if "%YAML" in source.text and (match := _VERSION.search(source.text)) and match[1] != "1.1":
        at = match.start(1)
        raise RuleSetError([Fault("YAML must be of version 1.1", source.span(at, match.end(1)))])


_VERSION = re.compile(r"^%YAML[ \t]+(\S+)", re.MULTILINE)


def _check_aliases(node: Node, sizes: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """The number of nodes and of levels, with all aliases written out. Raises MarkedYAMLError for too many."""
    if isinstance(node, ScalarNode):
        return 1, 1
    if id(node) not in sizes:
        sizes[id(node)] = _UNKNOWN
        below = chain.from_iterable(node.value) if isinstance(node, MappingNode) else node.value
        counts = [_check_aliases(child, sizes) for child in below]
        sizes[id(node)] = 1 + sum(nodes for nodes, _ in counts), 1 + max((levels for _, levels in counts), default=0)
    nodes, levels = sizes[id(node)]
    if (nodes, levels) == _UNKNOWN:
        problem = "an alias stands inside of what it names"
    elif nodes > MAX_NODES:
        problem = f"aliases expand to more than {MAX_NODES:,} nodes"
    elif levels > MAX_DEPTH:
        problem = f"nested deeper than {MAX_DEPTH} levels"
    else:
        return nodes, levels
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_UNKNOWN = (0, 0)


def _syntax_fault(error: Exception, source: Source) -> Fault:
    """What is wrong with the YAML, in words for those who wrote it."""
    text = source.text
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # the reader's: its offset is one of bytes
        forbidden = _FORBIDDEN.search(text)
        at = forbidden.start() if forbidden else 0
        shown = Source(_FORBIDDEN.sub("\ufffd", text), source.name)
        return Fault("control characters are not allowed", shown.span(at, at + 1))
    at = min(mark.index, len(text.rstrip()))
    problem = error.problem  # type: ignore[attr-defined]
    begun = getattr(error, "context_mark", None)
    if problem.endswith("that cannot start any token"):
        problem = _TABS if text[at : at + 1] == "\t" else f"a value cannot start with {text[at : at + 1]!r}: quote it"
    elif problem in _CLEARER:
        problem = _CLEARER[problem]
    elif begun is not None and begun.line != mark.line:
        problem += f" {error.context}, begun in line {begun.line + 1}"  # type: ignore[attr-defined]
    return Fault(problem, source.span(at, at + 1))


_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TABS = "YAML is not indented with tabs: use spaces"
_CLEARER = {
    "mapping values are not allowed in this context": "a ':' cannot stand here: quote the text or mend the indentation",
    "block sequence entries are not allowed in this context": "a list cannot begin here: put its '-' on a new line",
    "mapping keys are not allowed in this context": "a '?' cannot stand here: quote the text",
    "did not find expected key": "a key is expected here: mend the indentation or the quotes",
    "found undefined alias": "unknown anchor: quote the text, if it is no alias",
    "did not find expected alphabetic or numeric character": "a name must follow '*' and '&': quote the text",
    "second occurrence": "an anchor of this name is there already",
    "did not find expected <document start>": "the document has ended: mend the indentation or write '---'",
}


class _Dumper(_SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    if "\n" in text or _ALL_QUOTES.match(text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    style = None if isinstance(scalars.resolve(text), str) and not _SINGLE_QUOTES.match(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_SINGLE_QUOTES = re.compile(r"""(?=[^"\\]*'[^"\\]*$)([!&*'{\[#|>%@`]|.*(: | #))""")
"""A text that cannot be plain, and has quotes that would be doubled in single ones."""
_ALL_QUOTES = re.compile(r"""(?=.*')(?=.*["\\])([!&*'"{\[#|>%@`]|.*(: | #))""")
"""One that no quotes can hold without escapes; as a block it stands as it is."""

_Dumper.add_representer(str, _represent_text)


class _InLines(_Dumper):
    pass


def _represent_list(dumper: _InLines, items: list[Any]) -> SequenceNode:
    short = not any(isinstance(item, dict | list) for item in items) and len(repr(items)) <= LONGEST_LIST
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short and "\\n" not in repr(items))


LONGEST_LIST = 90
"""Characters, as Python shows them."""

_InLines.add_representer(list, _represent_list)
