"""The collector's durable inbox: tracking calls in, `*.segment.jsonl` files in the home's inbox folder out.

A call is acknowledged after its file was flushed to disk and renamed (`graph.files.replace_file`), so that `kill -9` loses
nothing that was acknowledged. Calls that arrive while a file is being flushed share the next one (group commit), so that
one flush serves many requests."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from graph.errors import HomeNotWritable
from graph.files import replace_file

__all__ = ["Inbox"]

_Waiting = tuple[bytes, "Future[None]"]


class Inbox:
    """Writes calls to the inbox folder from one thread. Close it to have everything on disk."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises HomeNotWritable."""
        self._folder = folder
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise HomeNotWritable(folder, error.strerror or type(error).__name__) from error
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name="inbox", daemon=True)
        self._thread.start()

    def append(self, lines: bytes) -> Future[None]:
        """A future that is done once these whole lines are on disk; it raises HomeNotWritable where they are not."""
        done: Future[None] = Future()
        self._queue.put((lines, done))
        return done

    def close(self) -> None:
        """Write what is waiting and stop. May be called twice."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            closing = False
            while not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    closing = True
                    break
                batch.append(following)
            self._commit(batch)
            if closing:
                return

    def _commit(self, batch: list[_Waiting]) -> None:
        # A client that hung up cancels its future; its calls are kept all the same, since it may have taken them for sent.
        waiting = [done for _, done in batch if done.set_running_or_notify_cancel()]
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.segment.jsonl"
        try:
            replace_file(self._folder / name, b"".join(lines for lines, _ in batch), mode=0o600)
        except OSError as error:
            for done in waiting:
                done.set_exception(HomeNotWritable(self._folder, error.strerror or type(error).__name__))
        else:
            for done in waiting:
                done.set_result(None)
