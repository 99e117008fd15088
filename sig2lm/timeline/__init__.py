"""Answers along a recording -> a table of rows and a page. Plain results in, never a model; no torch.

`rows` writes one line a window as it comes, `digest` keeps of them what a page can show, `lanes` draws it and `page`
renders.
"""
