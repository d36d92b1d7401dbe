"""Secrets, sealed with a key of the settings: what a database or a message holds is of no use to who reads it."""

from libs.seal.keyring import Keyring

__all__ = ["Keyring"]
