"""The page of an annotated recording: ``digest`` keeps what a page can show, ``lanes`` draws it, ``page`` renders."""
