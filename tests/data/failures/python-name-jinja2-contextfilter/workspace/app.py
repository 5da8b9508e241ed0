from jinja2 import contextfilter
