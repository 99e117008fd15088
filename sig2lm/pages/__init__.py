"""Results -> HTML pages that stand alone. Plain results in, never a model; no torch.

``base`` renders any page of the house (template and looks in ``base.*`` and ``parts.html.j2``), ``text`` writes its
numbers, ``plots`` draws; each other module is one page.
"""
