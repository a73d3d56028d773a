"""The report of a run: tables, curves, drawings, the HTML page."""
