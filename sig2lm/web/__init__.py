"""A page on which a run is asked about recordings (``sig2lm web``, extra ``web``)."""
