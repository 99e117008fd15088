"""What each open page holds, apart from all others, and how it is forgotten."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sig2lm.errors import Sig2LMError
from sig2lm.model.signal_lm import SignalLM
from sig2lm.web.conversation import Conversation
from sig2lm.web.recordings import Slot

SLOTS = 2  # a recording, and another one beside it


@dataclass
class Session:
    """One open page: its recordings, its conversation, its folder of uploads.

    Attributes
    ----------
    uploads
        The files that were dropped last, by slot.
    used
        When somebody did something there, by the monotonic clock.
    lock
        Held while recordings are changed and drawn, so that what is drawn last shows the last change.
    number, simulated
        Where the people who are simulated begin, and how many were.
    """

    folder: Path
    conversation: Conversation
    slots: list[Slot] = field(default_factory=lambda: [Slot() for _ in range(SLOTS)])
    uploads: dict[int, list[Path]] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)
    number: int = field(default_factory=lambda: secrets.randbelow(1_000_000))
    simulated: int = 0


class Sessions:
    """The sessions of a server, by the secret that each page makes up for itself.

    Parameters
    ----------
    model
        Who answers in all of them.
    time_limit
        Seconds that an answer may take to be written.
    idle
        Seconds after which a session that nobody uses ends.
    most
        How many there may be; the one unused for longest gives way.
    """

    def __init__(self, model: SignalLM, time_limit: float, idle: float, most: int) -> None:
        self.model, self.time_limit, self.idle, self.most = model, time_limit, idle, most
        self.folder = Path(tempfile.mkdtemp(prefix="sig2lm-web-"))
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._holders: dict[Path, set[str]] = {}  # who has uploaded a file: equal files lie in one place
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, secret: str) -> Session:
        """Return a page's session; one that is unknown, or was ended, begins with nothing in it."""
        with self._lock:
            now = time.monotonic()
            ended = [key for key, one in self._open.items() if now - one.used > self.idle and key != secret]
            session = self._open.pop(secret, None)
            if session is None:
                folder = Path(tempfile.mkdtemp(dir=self.folder))
                session = Session(folder, Conversation(self.model, self.time_limit))
            session.used = now
            self._open[secret] = session  # the last of them
            surplus = len(self._open) - len(ended) - self.most
            ended += [key for key in self._open if key not in ended][: max(surplus, 0)]
        for key in ended:
            self.end(key)
        return session

    def take(self, secret: str, slot: int, files: Sequence[str | Path]) -> list[Path]:
        """Put uploaded files into a session's own folder, in place of those that were there for the slot."""
        session = self.get(secret)
        folder = Path(tempfile.mkdtemp(dir=session.folder))
        taken = []
        for file in map(Path, files):
            with self._lock:
                self._holders.setdefault(file, set()).add(secret)
            own = folder / file.name
            try:
                _link(file, own)
            except OSError as error:
                raise Sig2LMError(f"'{file.name}' cannot be stored ({error.strerror}); upload it again") from error
            taken.append(own)
        for old in {path.parent for path in session.uploads.get(slot, [])}:
            shutil.rmtree(old, ignore_errors=True)
        session.uploads[slot] = taken
        return taken

    def end(self, secret: str) -> None:
        """Forget a session and delete what was uploaded in it."""
        with self._lock:
            session = self._open.pop(secret, None)
            for file in [file for file, holders in self._holders.items() if secret in holders]:
                self._holders[file].discard(secret)
                if not self._holders[file]:
                    del self._holders[file]
                    _delete(file)
        if session is not None:
            session.conversation.stop()
            shutil.rmtree(session.folder, ignore_errors=True)

    def close(self) -> None:
        """End all sessions."""
        for secret in list(self._open):
            self.end(secret)
        shutil.rmtree(self.folder, ignore_errors=True)


def _delete(file: Path) -> None:
    """Delete a file, and the folder that it had for itself."""
    file.unlink(missing_ok=True)
    with suppress(OSError):  # not empty
        file.parent.rmdir()


def _link(file: Path, own: Path) -> None:
    """Give a file a second name; copy it where the two lie on different disks."""
    try:
        os.link(file, own)
    except OSError:
        shutil.copyfile(file, own)
