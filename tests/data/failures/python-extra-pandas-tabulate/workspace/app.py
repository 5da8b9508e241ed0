import pandas

print(pandas.DataFrame({'a': [1]}).to_markdown())
