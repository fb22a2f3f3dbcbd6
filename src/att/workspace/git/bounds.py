"""Settings that bind git wherever ATT runs it on what others wrote: no program of theirs, little memory, no way out."""

from att.workspace.git.durable import DURABLE

FILE_BYTES_MAX = 4 * 1024**3
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.alternateRefsCommand=true",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "core.bigFileThreshold=32m",
    "pack.threads=1",
    "pack.windowMemory=128m",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    *DURABLE,
)
