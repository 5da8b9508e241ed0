import jinja2
print(jinja2.Template('x').render())
