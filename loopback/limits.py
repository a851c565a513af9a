"""What the system lets this process have: descriptors and memory."""

import resource

MANY_FILES = 65536
FEW_FILES = 1024


def raise_files() -> str:
    """Take as many descriptors as are allowed; a sentence when that is few, else empty."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # macOS has a lower limit of its own
            pass
    if soft == resource.RLIM_INFINITY or soft >= FEW_FILES:
        return ""
    return f"This process may have {soft} files and connections open (ulimit -n), which is few; idle ones are closed"


def memory() -> str:
    """A sentence when memory is limited, else empty."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return "" if limit == resource.RLIM_INFINITY else f"Its memory is limited to {limit >> 20} MB (ulimit -v)"
