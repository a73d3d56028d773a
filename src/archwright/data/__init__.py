"""Problems: loading, checking and splitting data, inferring the task; built-in data sets."""
