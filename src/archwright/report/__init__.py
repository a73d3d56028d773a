"""Tables, curves, drawings, the HTML page."""
