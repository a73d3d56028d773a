"""Questions, answers and architectures, and what follows from them: pure data, without torch."""
