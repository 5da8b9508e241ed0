from pydub import AudioSegment

AudioSegment.from_file("app.py", format="mp3")
