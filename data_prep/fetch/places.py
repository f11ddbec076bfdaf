"""The places below `Videos` that archives have brought something to, in little memory."""

from hashlib import blake2b

from data_prep.key_set import KeySet


class Places:
    """A set of places, such as `videos_0007/x.mp4`."""

    def __init__(self) -> None:
        self._keys = KeySet()

    def __contains__(self, place: str) -> bool:
        return _key(place) in self._keys

    def add(self, place: str) -> bool:
        """Whether the place was free."""
        return self._keys.add(_key(place))


def _key(place: str) -> int:
    return int.from_bytes(blake2b(place.encode(), digest_size=8).digest())
