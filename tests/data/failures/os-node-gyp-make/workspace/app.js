require('bufferutil')
