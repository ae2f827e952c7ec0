"""A remote file system for tests: memory of this process, whose requests are counted."""

from __future__ import annotations

import io

from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem


class Counted(MemoryFileSystem):
    """Files at ``counted://``, kept in memory; what is read and written is noted."""

    protocol = ("counted", "s3")  # files appear whole, as in an object store
    store = {}
    pseudo_dirs = [""]
    read = []  # (path, bytes) of each file that was read
    listed = []
    written = []  # paths, in order
    removed = []
    before_write = staticmethod(lambda path: None)  # called before a file is written or removed

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("counted://", "memory://"))

    def ls(self, path, detail=True, **options):
        self.listed.append(path)
        return super().ls(path, detail=detail, **options)

    def get_file(self, rpath, lpath, **options):
        content = self.store[rpath].getvalue()
        self.read.append((rpath, len(content)))
        with open(lpath, "wb") as file:
            file.write(content)

    def cat_file(self, path, start=None, end=None, **options):
        content = super().cat_file(path, start, end)
        self.read.append((path, len(content)))
        return content

    def put_file(self, lpath, rpath, **options):
        self.before_write(rpath)
        with open(lpath, "rb") as file:
            MemoryFileSystem.pipe_file(self, rpath, file.read())
        self.written.append(rpath)

    def pipe_file(self, path, value, mode="overwrite", **options):
        self.before_write(path)
        super().pipe_file(path, value, mode=mode)
        self.written.append(path)

    def mv(self, path1, path2, **options):
        self.before_write(path2)
        super().pipe_file(path2, self.store.pop(path1).getvalue())
        self.written.append(path2)

    def rm_file(self, path):
        self.before_write(path)
        self.store.pop(path)
        self.removed.append(path)


register_implementation("counted", Counted, clobber=True)


def forget_requests():
    """Begin the counting anew."""
    for noted in (Counted.read, Counted.listed, Counted.written, Counted.removed):
        noted.clear()


def clear():
    """Remove all files."""
    Counted.store.clear()
    Counted.pseudo_dirs[:] = [""]


def empty():
    """Begin with no files, no requests and no faults."""
    clear()
    forget_requests()
    Counted.before_write = staticmethod(lambda path: None)


def upload(folder, address):
    """Copy a local folder to an address, with its folders listed as an object store does."""
    system = Counted()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            MemoryFileSystem.pipe_file(
                system,
                system._strip_protocol(f"{address}/{file.relative_to(folder).as_posix()}"),
                file.read_bytes(),
            )


def tree(address):
    """All files below an address: relative path -> bytes."""
    top = Counted._strip_protocol(address) + "/"
    return {
        path.removeprefix(top): io.BytesIO(file.getvalue()).read()
        for path, file in sorted(Counted.store.items())
        if path.startswith(top)
    }
