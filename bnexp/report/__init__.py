"""Shows results: tables and text in the terminal, figures, and the HTML page of claims. It computes no result."""
