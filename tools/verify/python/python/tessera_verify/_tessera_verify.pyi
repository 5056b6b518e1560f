"""The compiled half of the package."""

from os import PathLike
from typing import Optional, Union

Source = Union[bytes, str, "PathLike[str]"]

__version__: str

def verify(
    own: tuple[Source, Source],
    least: tuple[int, str],
    key_digest: Optional[str],
    roots: list[tuple[str, str]],
    after: list[tuple[Source, Source]],
    certificates: list[Source],
) -> tuple[int, str, str]: ...
def run(arguments: list[str]) -> tuple[str, str, int]: ...
