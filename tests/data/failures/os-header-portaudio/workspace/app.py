import pyaudio
