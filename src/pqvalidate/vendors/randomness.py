"""Random bytes that an adapter feeds to a library which asks for its own randomness."""

from __future__ import annotations


class Tape:
    """Known bytes in place of a library's random source, so that its result can be compared with a published one.

    Args:
        recorded: the bytes that the library will read, in the order in which it asks for them.

    """

    def __init__(self, recorded: bytes) -> None:
        self._recorded = bytes(recorded)  # what is read must not be a view of the caller's buffer
        self._position = 0
        self._asked = 0

    def read(self, length: int) -> bytes:
        """Return the next ``length`` bytes.

        Raises:
            ValueError: the library asks for more bytes than were recorded.

        """
        self._asked += length
        if self._asked > len(self._recorded):
            raise ValueError(f"the library asks for {self._asked} random bytes, {len(self._recorded)} were given")
        start, self._position = self._position, self._position + length
        return self._recorded[start : self._position]

    def finish(self) -> None:
        """Check that the library read exactly what was recorded.

        Raises:
            ValueError: it read fewer bytes or asked for more, so its result does not follow from them alone.

        """
        if self._asked != len(self._recorded):
            raise ValueError(f"the library asked for {self._asked} random bytes, {len(self._recorded)} were given")
