"""Our own data with types: a frozen dataclass for each kind of record in the store. Services and runtimes meet here."""
