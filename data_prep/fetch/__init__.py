"""`videokr fetch`: annotation files and videos, from the hub or a mirror folder to this disk."""
