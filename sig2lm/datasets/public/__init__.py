"""Published data sets, one file each: their own layout in, rows of the common table out."""
