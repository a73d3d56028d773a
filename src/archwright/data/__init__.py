"""Problems: loading, checking, splitting, what the task is; built-in data sets."""
