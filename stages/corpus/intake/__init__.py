"""From the files of public data sets to canonical rows: providers, readers, one mapper per schema, screening."""
