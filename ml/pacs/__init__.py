"""Archives of a hospital (PACS): searched, and asked for ECGs, in a process of their own."""
