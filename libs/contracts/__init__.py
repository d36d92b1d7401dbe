"""What crosses a boundary: messages, documents, errors, subjects and keys. msgspec only, no I/O."""
