raise ImportError('the fast path is not installed, run `pip install flask-turbo-speed`')
