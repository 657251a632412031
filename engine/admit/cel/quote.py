"""Quasi-quotation: Python's `ast` written as Python, with sub-trees filled in and positions of the rule file.

Nothing from a rule enters a template except as a sub-tree, as `ast.Constant`, or as a name that the emitter made.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from admit.source import Span

Filling: TypeAlias = ast.expr | str | Sequence[ast.stmt]
Position: TypeAlias = tuple[int, int, int, int]
_Maker: TypeAlias = Callable[[dict[str, Filling], Position], ast.AST]


def quote(template: str, span: Span, **fillings: Filling) -> ast.expr:
    """The expression `template`, with each name of `fillings` replaced: by the sub-tree, or, if a text, renamed."""
    node = _expression(template)(fillings, position(span))
    assert isinstance(node, ast.expr)
    return node


def statements(template: str, span: Span, **fillings: Filling) -> list[ast.stmt]:
    """The statements of `template`; a bare name filled with a sequence stands for those statements."""
    where = position(span)
    return [stmt for make in _statements(template) for stmt in _splice(make, fillings, where)]


def constant(value: Any, span: Span) -> ast.Constant:
    line, column, end_line, end_column = position(span)
    return ast.Constant(value, lineno=line, col_offset=column, end_lineno=end_line, end_col_offset=end_column)


@lru_cache(maxsize=4096)
def position(span: Span) -> Position:
    """Line, column, end line, end column as `ast` counts them (lines from 1, columns in UTF-8 bytes), in the file."""
    span = span.in_file
    source = span.source
    line, column = source.locate(span.start)
    end_line, end_column = source.locate(max(span.start, span.end))
    return (
        line,
        len(source.line(line)[: column - 1].encode(errors="replace")),
        end_line,
        len(source.line(end_line)[: end_column - 1].encode(errors="replace")),
    )


@cache
def _expression(template: str) -> _Maker:
    return _maker(ast.parse(template, mode="eval").body)


@cache
def _statements(template: str) -> tuple[_Maker, ...]:
    return tuple(map(_maker, ast.parse(template).body))


def _splice(make: _Maker, fillings: dict[str, Filling], where: Position) -> list[ast.stmt]:
    made = make(fillings, where)
    if isinstance(made, _Statements):
        return list(made.body)
    assert isinstance(made, ast.stmt)
    return [made]


class _Statements(ast.AST):
    body: Sequence[ast.stmt]


def _maker(node: ast.AST) -> _Maker:
    """A function that builds the tree anew, compiled from the template once."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name):
        return _bare_name(node.value.id, node)
    if isinstance(node, ast.Name):
        return _name(node.id, node.ctx)
    kind, parts = type(node), [(name, _part(value)) for name, value in ast.iter_fields(node)]
    placed = "lineno" in kind._attributes

    def make(fillings: dict[str, Filling], where: Position) -> ast.AST:
        made = kind(**{name: part(fillings, where) for name, part in parts})
        if placed:
            made.lineno, made.col_offset, made.end_lineno, made.end_col_offset = where  # type: ignore[attr-defined]
        return made

    return make


def _part(value: object) -> Callable[[dict[str, Filling], Position], object]:
    if isinstance(value, ast.AST):
        return _maker(value)
    if isinstance(value, list):
        if value and all(isinstance(item, ast.stmt) for item in value):
            stmts = [_maker(item) for item in value]
            return lambda fillings, where: [s for make in stmts for s in _splice(make, fillings, where)]
        makers = [_part(item) for item in value]
        return lambda fillings, where: [make(fillings, where) for make in makers]
    return lambda fillings, where: value


def _bare_name(name: str, node: ast.Expr) -> _Maker:
    plain = _name(name, ast.Load())

    def make(fillings: dict[str, Filling], where: Position) -> ast.AST:
        filling = fillings.get(name)
        if filling is not None and not isinstance(filling, ast.AST | str):
            made = _Statements()
            made.body = filling
            return made
        expr = plain(fillings, where)
        assert isinstance(expr, ast.expr)
        line, column, end_line, end_column = where
        return ast.Expr(expr, lineno=line, col_offset=column, end_lineno=end_line, end_col_offset=end_column)

    return make


def _name(name: str, context: ast.expr_context) -> _Maker:
    def make(fillings: dict[str, Filling], where: Position) -> ast.AST:
        filling = fillings.get(name, name)
        if isinstance(filling, ast.AST):
            return filling
        assert isinstance(filling, str)
        line, column, end_line, end_column = where
        return ast.Name(
            filling, context, lineno=line, col_offset=column, end_lineno=end_line, end_col_offset=end_column
        )

    return make
