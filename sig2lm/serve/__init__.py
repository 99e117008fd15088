"""An OpenAI-compatible API over a run: ``sig2lm serve``.

From the outside in: ``server`` (a socket, uvicorn), ``app`` (routes), ``gate`` (who may ask, and how much at once),
``schemas`` (what is sent and returned), ``recordings`` and ``store`` (signals that come in, and that are kept),
``asking`` (messages -> a question), ``engine`` (questions -> answers, in batches, in one thread), ``metrics``.
"""
