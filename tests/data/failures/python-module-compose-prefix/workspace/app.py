import flask_cors
