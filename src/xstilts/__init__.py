"""Does an English intermediate task help a multilingual encoder in every language?"""

__version__ = "0.1.0"
