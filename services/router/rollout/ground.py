"""What holds while the store says nothing: the word of the watched file, else of the process, else classic."""

from collections.abc import Callable
from dataclasses import replace

from services.router.rollout.state import RolloutState
from services.router.rollout.switch_file import SwitchFile


class Ground:
    """The state that file and process ask for. `share` is what hybrid gets when the file says true."""

    def __init__(
        self, process: RolloutState, *, share: float, file: SwitchFile | None, clock: Callable[[], float]
    ) -> None:
        self._process = process
        self._share = share
        self._file = file
        self._clock = clock
        self.state = process

    @property
    def has_file(self) -> bool:
        """True when there is a file to look at."""
        return self._file is not None

    @property
    def file_says(self) -> str:
        """The file's word as an operator would write it, or `nothing`."""
        says = self._file.says if self._file else None
        return "nothing" if says is None else str(says).lower()

    async def open(self) -> None:
        """Reads the file for the first time. Raises InvalidRequest (INVALID_SETTING) when it is unclear."""
        if self._file is not None:
            await self._file.open()
            self._settle()

    async def changed(self) -> bool:
        """Looks at the file again; says whether the state is another now."""
        if self._file is None or not await self._file.changed():
            return False
        self._settle()
        return True

    def _settle(self) -> None:
        says = self._file.says if self._file else None
        if says is None:
            self.state = self._process
        else:
            percent = self._share if says else 0.0
            self.state = replace(self._process, percent=percent, source="file", updated_at=self._clock())
