"""The root of what a person can mend."""


class SuperionicError(Exception):
    """A mistake that a person can mend; its message says in a sentence what is wrong and what would be right."""
