"""Unification: whether a value of one type may be used as another, and what the type variables then stand for."""

from __future__ import annotations

from itertools import repeat

from admit.cel.types import ANY, DYN, NULL, Kind, Type, param

_MAX_DEPTH = 32  # of what types are made of; a type within so many is dyn
_MAX_SIZE = 5000  # types in a type; each step of a chain of `.map(x, {x: x})` doubles it


class TypeTooLarge(Exception):
    """A type has more parts than any expression of use needs."""


class Substitution:
    """What the type variables of one expression stand for, so far.

    As in cel-go `dyn` goes with everything, also inside lists and maps, and a variable that has met two types stands
    for the more general one. The methods raise TypeTooLarge, which bounds their recursion.
    """

    def __init__(self) -> None:
        self._bound: dict[str, Type] = {}
        self._undo: list[tuple[str, Type | None]] = []
        self._count = 0

    def fresh(self) -> Type:
        """A new type variable."""
        self._count += 1
        return param(f"_var{self._count - 1}")

    def unify(self, *pairs: tuple[Type, Type]) -> bool:
        """Whether in each pair the left type is assignable to the right; if not, no variable is bound."""
        self._undo.clear()
        for pair in pairs:
            self._check_size(*pair)
        if all(self._assignable(left, right) for left, right in pairs):
            return True
        for name, before in reversed(self._undo):
            if before is None:
                del self._bound[name]
            else:
                self._bound[name] = before
        return False

    def resolved(self, type: Type, free: Type | None = None) -> Type:
        """The type with its variables replaced; those that stand for nothing become `free`, if given."""
        self._check_size(type)
        return self._resolved(type, free)

    def _resolved(self, type: Type, free: Type | None) -> Type:
        while type.kind is Kind.PARAM:
            bound = self._bound.get(type.name)
            if bound is None:
                return free or type
            type = bound
        if not type.params:
            return type
        return Type(type.kind, type.name, tuple(map(self._resolved, type.params, repeat(free))))

    def instance(self, types: tuple[Type, ...]) -> tuple[Type, ...]:
        """The types of a signature with a fresh variable for each of its type parameters."""
        if not any(type.params or type.kind is Kind.PARAM for type in types):
            return types
        variables: dict[str, Type] = {}

        def replaced(type: Type) -> Type:
            if type.kind is Kind.PARAM:
                if type.name not in variables:
                    variables[type.name] = self.fresh()
                return variables[type.name]
            if not type.params:
                return type
            return Type(type.kind, type.name, tuple(map(replaced, type.params)))

        return tuple(map(replaced, types))

    def bounded(self, type: Type) -> Type:
        """The type; dyn where it is nested so deeply that recursion over what is built on it could fail."""
        return DYN if self._depth(type) > _MAX_DEPTH else type

    def _check_size(self, *types: Type) -> None:
        """Bindings may make a type deeper than it was, in expressions made for it."""
        if any(self._depth(type) > 3 * _MAX_DEPTH for type in types):
            raise TypeTooLarge

    def _depth(self, type: Type) -> int:
        level, size, depth = self._parts(type), 1, 1
        while level:
            size += len(level)
            depth += 1
            if size > _MAX_SIZE:
                raise TypeTooLarge
            level = tuple(inner for type in level for inner in self._parts(type))
        return depth

    def _parts(self, type: Type) -> tuple[Type, ...]:
        if type.kind is Kind.PARAM:
            bound = self._bound.get(type.name)
            return () if bound is None else (bound,)
        return type.params

    def _assignable(self, left: Type, right: Type) -> bool:
        if right.kind is Kind.PARAM:
            fits = self._bind(right, left)
            if fits is not None:
                return fits
        if left.kind is Kind.PARAM:
            return bool(self._bind(left, right))
        if is_dyn(left) or is_dyn(right) or Kind.ERROR in (left.kind, right.kind):
            return True
        if left == NULL or right == NULL:
            return _nullable(left) and _nullable(right)
        left, right = _unwrapped(left), _unwrapped(right)
        if left.kind is not right.kind:
            return False
        if left.kind is Kind.TYPE:
            return True
        if left.name != right.name or len(left.params) != len(right.params):
            return False
        return all(map(self._assignable, left.params, right.params))

    def _bind(self, variable: Type, type: Type) -> bool | None:
        """Whether the variable may stand for the type; None where it is unbound and occurs in the type itself."""
        if type == variable:
            return True
        bound = self._bound.get(variable.name)
        if bound is None:
            if self._occurs(variable, type):
                return None
            self._set(variable, type)
            return True
        if equivalent(type, bound):
            return True
        if not self._assignable(type, bound):
            return False
        general = more_general(type, bound)
        if not self._occurs(variable, general):
            self._set(variable, general)
        return True

    def _set(self, variable: Type, type: Type) -> None:
        self._undo.append((variable.name, self._bound.get(variable.name)))
        self._bound[variable.name] = type

    def _occurs(self, variable: Type, type: Type) -> bool:
        pending = [type]
        while pending:
            each = pending.pop()
            if each == variable:
                return True
            if each.kind is Kind.PARAM and each.name in self._bound:
                pending.append(self._bound[each.name])
            pending.extend(each.params)
        return False


def is_dyn(type: Type) -> bool:
    return type.kind is Kind.DYN or type == ANY


def more_general(first: Type, second: Type) -> Type:
    """Of two types that unify the one that says less; the first, where they are equal."""
    return first if _says_less(first, second) else second


def equivalent(first: Type, second: Type) -> bool:
    """Whether the types are the same, but for wrappers."""
    first, second = _unwrapped(first), _unwrapped(second)
    same = (first.kind, first.name, len(first.params)) == (second.kind, second.name, len(second.params))
    return same and all(map(equivalent, first.params, second.params))


def unwrapped_optional(type: Type) -> tuple[Type, bool]:
    """`T` and true of `optional_type(T)`, else the type and false."""
    if type.kind is Kind.OPAQUE and type.name == "optional_type":
        return (type.params or (DYN,))[0], True
    return type, False


def _says_less(first: Type, second: Type) -> bool:
    if is_dyn(first) or first.kind is Kind.PARAM:
        return True
    if is_dyn(second) or second.kind is Kind.PARAM:
        return False
    first, second = _unwrapped(first), _unwrapped(second)
    if first.kind is not second.kind:
        return False
    if first.kind is Kind.TYPE:
        return True
    return (
        first.name == second.name
        and len(first.params) == len(second.params)
        and all(map(_says_less, first.params, second.params))
    )


def _nullable(type: Type) -> bool:
    return type == NULL or type.kind in (Kind.OPAQUE, Kind.OBJECT, Kind.WELL_KNOWN, Kind.WRAPPER)


def _unwrapped(type: Type) -> Type:
    return type.params[0] if type.kind is Kind.WRAPPER else type
