"""Calls to addresses that others name: checked before, and made to nothing but what was checked."""
