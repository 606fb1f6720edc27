"""WHO answers: encoders from Hugging Face, and those bundled with installed packages."""
