import soundfile
