import pandas

pandas.DataFrame({'a': [1]}).to_excel('out.xlsx', engine='openpyxl')
