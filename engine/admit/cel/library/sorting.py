"""Go's `sort.Slice`, a quicksort: where it leaves what is equal, or has no order (NaN), is part of CEL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")

_SHORT = 12
_LONG = 50


def sorted_as_go(items: Sequence[_T], less: Callable[[_T, _T], bool]) -> list[int]:
    """The places of the items in the order in which Go leaves them."""
    sorting = _Sorting(items, less)
    sorting.sort(0, len(items), len(items).bit_length())
    return sorting.places


class _Sorting:
    """The places of the items, being sorted. `a` and `b` below are the bounds of a part of them."""

    def __init__(self, items: Sequence[_T], less: Callable[[_T, _T], bool]) -> None:
        self.places = list(range(len(items)))
        self._items = items
        self._less = less

    def less(self, i: int, j: int) -> bool:
        return self._less(self._items[self.places[i]], self._items[self.places[j]])

    def swap(self, i: int, j: int) -> None:
        self.places[i], self.places[j] = self.places[j], self.places[i]

    def sort(self, a: int, b: int, limit: int) -> None:
        """`limit`: how many bad partitions are put up with."""
        balanced = partitioned = True
        while b - a > _SHORT:
            if limit == 0:
                self._heap_sort(a, b)
                return
            if not balanced:
                self._scatter(a, b)
                limit -= 1
            pivot, swaps = self._pivot(a, b)
            if swaps == _MOST_SWAPS:
                self.places[a:b] = self.places[a:b][::-1]
                pivot, swaps = a + b - 1 - pivot, 0
            if balanced and partitioned and swaps == 0 and self._nearly_sorted(a, b):
                return
            if a > 0 and not self.less(a - 1, pivot):
                a = self._partition_equal(a, b, pivot)
                continue
            middle, partitioned = self._partition(a, b, pivot)
            left, right = middle - a, b - middle
            balanced = min(left, right) >= (b - a) // 8
            if left < right:
                self.sort(a, middle, limit)
                a = middle + 1
            else:
                self.sort(middle + 1, b, limit)
                b = middle
        for i in range(a + 1, b):
            self._sink(i, a)

    def _sink(self, i: int, a: int) -> None:
        """Moves a small element left."""
        while i > a and self.less(i, i - 1):
            self.swap(i, i - 1)
            i -= 1

    def _heap_sort(self, a: int, b: int) -> None:
        for root in range((b - a - 1) // 2, -1, -1):
            self._sift(a, root, b - a)
        for last in range(b - a - 1, -1, -1):
            self.swap(a, a + last)
            self._sift(a, 0, last)

    def _sift(self, a: int, root: int, size: int) -> None:
        while (child := 2 * root + 1) < size:
            if child + 1 < size and self.less(a + child, a + child + 1):
                child += 1
            if not self.less(a + root, a + child):
                return
            self.swap(a + root, a + child)
            root = child

    def _scatter(self, a: int, b: int) -> None:
        """Breaks the pattern that may have led to a bad partition."""
        size = state = b - a
        middle = a + size // 4 * 2
        for place in (middle - 1, middle, middle + 1):
            for shift in (13, -7, 17):
                state ^= (state << shift if shift > 0 else state >> -shift) & (2**64 - 1)
            other = state & ((1 << size.bit_length()) - 1)
            self.swap(place, a + (other - size if other >= size else other))

    def _pivot(self, a: int, b: int) -> tuple[int, int]:
        """A place to part at, and how many pairs looked at were in the wrong order."""
        quarter = (b - a) // 4
        places, swaps = [a + quarter, a + 2 * quarter, a + 3 * quarter], 0
        if b - a >= _LONG:
            for n, place in enumerate(places):
                places[n], more = self._median(place - 1, place, place + 1)
                swaps += more
        pivot, more = self._median(*places)
        return pivot, swaps + more

    def _median(self, i: int, j: int, k: int) -> tuple[int, int]:
        swaps = 0
        for second in (False, True, False):
            if second and self.less(k, j):
                j, k, swaps = k, j, swaps + 1
            elif not second and self.less(j, i):
                i, j, swaps = j, i, swaps + 1
        return j, swaps

    def _nearly_sorted(self, a: int, b: int) -> bool:
        """Puts a few elements in their places; whether that was all."""
        i = a + 1
        for _ in range(_MOST_MOVES):
            while i < b and not self.less(i, i - 1):
                i += 1
            if i == b:
                return True
            if b - a < _LONG:
                return False
            self.swap(i, i - 1)
            if i - a >= 2:
                self._sink(i - 1, 0)
            place = i + 1
            while place < b and self.less(place, place - 1):
                self.swap(place, place - 1)
                place += 1
        return False

    def _partition_equal(self, a: int, b: int, pivot: int) -> int:
        """Parts what equals the pivot from what is greater, where nothing is less."""
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        while True:
            while i <= j and not self.less(a, i):
                i += 1
            while i <= j and self.less(a, j):
                j -= 1
            if i > j:
                return i
            self.swap(i, j)
            i, j = i + 1, j - 1

    def _partition(self, a: int, b: int, pivot: int) -> tuple[int, bool]:
        """Parts what is less than the pivot from the rest; where the pivot is then, and whether all was in place."""
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        in_place = True
        while True:
            while i <= j and self.less(i, a):
                i += 1
            while i <= j and not self.less(j, a):
                j -= 1
            if i > j:
                self.swap(j, a)
                return j, in_place
            in_place = False
            self.swap(i, j)
            i, j = i + 1, j - 1


_MOST_SWAPS = 12
_MOST_MOVES = 5
