"""What is asked in which words: prompt templates, the tasks made of them, the turns that they become. No torch."""

from sig2lm.templates.task import Question, Task
from sig2lm.templates.template import Template, load_template, parse_template
from sig2lm.templates.turns import SignalPlace, Turn

__all__ = ["Question", "SignalPlace", "Task", "Template", "Turn", "load_template", "parse_template"]
