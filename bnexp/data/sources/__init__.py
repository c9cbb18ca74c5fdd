"""Your own files, a module for each kind: read, checked, and made into rows."""
