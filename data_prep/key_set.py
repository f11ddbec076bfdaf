"""A set of 64-bit keys in little memory: 14 to 27 bytes a key, where Python's own takes some 100."""

from array import array

_FILLED = 0.6  # of the places, at most


class KeySet:
    """Keys that were seen; grows by itself."""

    def __init__(self) -> None:
        self._places = array("Q", bytes(8 * 1024))  # open addressing; 0 is free
        self._count, self._has_zero = 0, False

    def __len__(self) -> int:
        return self._count + self._has_zero

    def __contains__(self, key: int) -> bool:
        return self._places[self._place(key)] == key if key else self._has_zero

    def add(self, key: int) -> bool:
        """Whether the key was not there."""
        if not key:
            is_new, self._has_zero = not self._has_zero, True
            return is_new
        if self._count >= _FILLED * len(self._places):
            self._grow()
        place = self._place(key)
        if self._places[place] == key:
            return False
        self._places[place] = key
        self._count += 1
        return True

    def _place(self, key: int) -> int:
        places, last = self._places, len(self._places) - 1
        place = key & last
        while places[place] and places[place] != key:
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        before = self._places
        self._places = array("Q", bytes(16 * len(before)))
        for key in before:
            if key:
                self._places[self._place(key)] = key
